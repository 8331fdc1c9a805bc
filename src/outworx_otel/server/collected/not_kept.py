"""What the table does not tell."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.store.store_errors import QueryTooWide

NOT_KEPT: Final = (
    "Problems, alerts, clocks that are off, silent endpoints and idempotency keys are not known here: they are kept"
    " as deliveries come in, and these come to the collector"
)
ONLY_READ: Final = (
    "the collector's table is only read here: what it holds is written and removed by the collector"
)


class NotOfTheTable(QueryTooWide):
    """What was asked for would change the table, or is nothing that it tells; answered as what is too wide.

    Args:
        why: what to say.
    """

    def __init__(self, why: str = f"{NOT_KEPT}.") -> None:
        Exception.__init__(self, why)
