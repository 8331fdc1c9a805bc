from __future__ import annotations

from collections.abc import Iterator

import pytest

from outworx_otel.signatures import forget_verifiers
from outworx_otel.signatures.diagnosis.investigation import rate_limit, wasted_time


def _forget() -> None:
    rate_limit.reset()
    wasted_time.reset()
    forget_verifiers()


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """Every test may diagnose as in a fresh process, and knows nothing that another one proved."""
    _forget()
    yield
    _forget()
