"""`collector-config/`, run by the real Collector, with Jaeger and Prometheus behind it."""
