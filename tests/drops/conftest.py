"""Which of these tests this Python runs itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from outworx_otel import drops

from .newest import MONITORED

# A Python without sys.monitoring gives those that need it to one that has it.
collect_ignore = list(MONITORED) if sys.version_info < (3, 12) else ["test_newest_python.py"]


@pytest.fixture(autouse=True)
def _switched_off_afterwards() -> Iterator[None]:
    yield
    drops.stop()
