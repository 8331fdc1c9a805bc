"""Lets the rules look, again and again."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from outworx_otel.server.retries import too_long
from outworx_otel.server.rule_settings import RuleSettings
from outworx_otel.server.rules.findings import found
from outworx_otel.server.rules.silence import Silence
from outworx_otel.server.store import QueryTooWide, Store, StoreUnavailable

LOOKS_EVERY: Final = 30.0
"""Seconds."""

_LEASE: Final = "rules"
_LEASE_SECONDS: Final = 120.0
_logger = logging.getLogger("outworx_otel.server")


class Evaluator:
    """One server of those that share a database looks; where it ends, another goes on within two minutes.

    Args:
        store: what is looked at, and where alerts are kept.
        settings: of the rules.
        clock: Unix time in seconds.
    """

    def __init__(self, store: Store, settings: RuleSettings, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._settings = settings
        self._silence = Silence(store, settings, clock())
        self._holder = secrets.token_hex(8)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(LOOKS_EVERY)
            try:
                await run_in_threadpool(self.look)
            except (StoreUnavailable, QueryTooWide) as error:
                _logger.warning("the rules of alerts cannot look now: %s", error)
            except Exception:
                _logger.exception("a rule of alerts failed; it looks again in %d s", LOOKS_EVERY)

    def close(self) -> None:
        """Lets another server look at once. It blocks."""
        try:
            self._store.give_lease_back(_LEASE, self._holder)
        except StoreUnavailable as error:
            _logger.debug("the lease of the rules stays until it is over: %s", error)

    def look(self) -> bool:
        """One look; whether it was this server's turn."""
        if not self._store.take_lease(_LEASE, self._holder, _LEASE_SECONDS):
            return False
        snapshot = self._store.snapshot(lambda provider: too_long(provider, self._settings.unhandled_after))
        findings = found(snapshot, self._settings)
        changes: dict[int, dict[str, Any]] = {}
        silent = self._silence.found(snapshot, changes)
        if "silence" not in self._settings.off:
            findings += silent
        return self._store.settle(findings, changes, lease=_LEASE, holder=self._holder)
