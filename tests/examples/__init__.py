"""Tests of what stands in `examples/` and `collector-config/`."""
