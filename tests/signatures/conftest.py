from __future__ import annotations

from collections.abc import Iterator

import pytest

from outworx_otel.signatures.diagnosis.investigation import rate_limit


@pytest.fixture(autouse=True)
def _fresh_rate_limit() -> Iterator[None]:
    """Every test may diagnose as in a fresh process."""
    rate_limit.reset()
    yield
    rate_limit.reset()
