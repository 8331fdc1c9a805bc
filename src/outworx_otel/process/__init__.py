"""What there is once per process: fork hooks, timers, and the environment."""
