"""What our spans, metrics and log records may say: the registry in `model/`, and who holds them against it."""
