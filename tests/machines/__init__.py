"""Several machines, each a network namespace of the test's own, on one switch that a test can pull cables out of."""
