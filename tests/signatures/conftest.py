from __future__ import annotations

from collections.abc import Iterator

import pytest

from outworx_otel.signatures import forget_verifiers


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """No test knows what another one proved."""
    forget_verifiers()
    yield
    forget_verifiers()
