"""What a delivery costs, measured in one run against what it could cost at least: `python -m benchmarks`."""
