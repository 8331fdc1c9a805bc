"""Forks, timers and the environment."""
