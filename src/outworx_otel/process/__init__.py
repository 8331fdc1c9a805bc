"""What there is once per process: the timer."""
