"""Frameworks, bridges and hosts that this package does not know, real and installed, by the same table."""
