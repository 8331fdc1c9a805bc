"""What all tests share: Hypothesis, with one profile by hand and a repeatable one in CI."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors]

settings.register_profile("by_hand", deadline=None, max_examples=40, suppress_health_check=_CHECKS)
settings.register_profile("ci", parent=settings.get_profile("by_hand"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")
