"""What applications are given for tests of their own."""
