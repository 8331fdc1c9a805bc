"""Sends alerts: one thread for each channel, so that one that is slow holds up no other, and never ingest."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from outworx_otel.server.channels.channel import SECONDS, Channel, NotSent
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.problems.sending import MAX_ATTEMPTS, ClaimedAlert, alert_address
from outworx_otel.server.store.sendings import Sendings
from outworx_otel.server.store.store_errors import StoreUnavailable

LEASE_SECONDS: Final = 2 * SECONDS
"""An attempt is over well before."""

_LOOKS_EVERY: Final = 2.0
_FIRST_WAIT: Final = 10.0
_LONGEST_WAIT: Final = 900.0
# Services take about one message a second.
_PAUSE: Final = 1.0
_TIDIES_EVERY: Final = 3600.0
_STOPS_WITHIN: Final = 2.0
_logger: Final = logging.getLogger("outworx_otel.server")


class AlertSender:
    """Sends what the store's alerts ask for, each notice once at each channel, whichever server does it.

    Args:
        sendings: of the store.
        channels: where to.
        address: of the server, which alerts lead to.
        lease: seconds after which another server may send what this one has claimed and not recorded.
        looks_every: seconds between looks for alerts.
        first_wait: seconds after a first failure; they double up to 15 minutes.
        pause: seconds between two notices at one channel.
    """

    def __init__(
        self,
        sendings: Sendings,
        channels: Sequence[Channel],
        address: str,
        *,
        lease: float = LEASE_SECONDS,
        looks_every: float = _LOOKS_EVERY,
        first_wait: float = _FIRST_WAIT,
        pause: float = _PAUSE,
    ) -> None:
        self._sendings = sendings
        self._address = address
        self._lease = lease
        self._looks_every = looks_every
        self._first_wait = first_wait
        self._pause = pause
        self._holder = secrets.token_hex(8)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name=f"outworx-alerts-{one.name}", daemon=True)
            for one in channels
        ]
        self._tidies_at = time.monotonic()

    def start(self) -> None:
        """Begins to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Claims nothing more. What is under way may end within a second."""
        self._stopping.set()

    def close(self) -> None:
        """Stops, and waits for what is under way, two seconds at most. Its claim is free once its lease ends."""
        self.stop()
        until = time.monotonic() + _STOPS_WITHIN
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(until - time.monotonic(), 0))

    def _run(self, channel: Channel) -> None:
        works = True
        wait = 0.0
        while not self._stopping.wait(wait):
            try:
                claimed = self._sendings.claim(
                    channel.name, self._holder, self._lease, channel.rules, channel.services
                )
                if claimed is None:
                    self._tidy()
                    wait = self._looks_every
                    continue
                works = self._send(channel, claimed, works)
                wait = self._pause
            except StoreUnavailable as error:
                # Whoever keeps the store says it aloud.
                _logger.debug("no alerts can be read: %s", error)
                wait = self._looks_every
            except Exception:
                if not self._stopping.is_set():
                    _logger.exception("alerts to channel %s: trying again in a minute", channel.name)
                wait = 60.0

    def _send(self, channel: Channel, claimed: ClaimedAlert, works: bool) -> bool:
        """Sends and records; whether the channel works."""
        try:
            link = self._address + alert_address(claimed.alert)
            channel.way.send(Notice(claimed.alert, link), self._stopping)
        except NotSent as failure:
            if self._stopping.is_set():
                # It may have been sent, and may not: the lease ends, and whoever is there then sends it.
                return works
            self._failed(channel, claimed, str(failure), works)
            return False
        self._recorded(lambda: self._sendings.sent(claimed))
        if not works:
            _logger.warning("alerts to channel %s are sent again", channel.name)
        return True

    def _failed(self, channel: Channel, claimed: ClaimedAlert, why: str, works: bool) -> None:
        wait = min(self._first_wait * 2 ** min(claimed.attempts, 20), _LONGEST_WAIT)
        self._recorded(lambda: self._sendings.failed(claimed, why, wait))
        if works:
            _logger.warning(
                "an alert to channel %s could not be sent: %s; it is tried again, for about a day",
                *(channel.name, why),
            )
        if claimed.attempts + 1 >= MAX_ATTEMPTS:
            _logger.error("alert %d to channel %s was given up: %s", claimed.alert.id, channel.name, why)

    def _recorded(self, record: Callable[[], None]) -> None:
        """Records, if need be again and again while nobody else may send it."""
        until = time.monotonic() + self._lease / 2
        while True:
            try:
                record()
                return
            except StoreUnavailable:
                if time.monotonic() >= until or self._stopping.wait(0.5):
                    raise

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidies_at:
            self._tidies_at = time.monotonic() + _TIDIES_EVERY
            self._sendings.forget()
