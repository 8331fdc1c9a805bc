"""Idempotency through real server processes: keys shared by workers, workers that die, stores that go away."""
