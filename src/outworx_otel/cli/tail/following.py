"""Asks a server again and again what has arrived, and shows each delivery once."""

from __future__ import annotations

import datetime
import time
from collections import OrderedDict
from email.utils import parsedate_to_datetime
from typing import Any, Final

from outworx_otel.cli.console import say, say_json
from outworx_otel.cli.delivery_filters import PAGE, DeliveryFilters, deliveries
from outworx_otel.cli.delivery_rows import Rows, value
from outworx_otel.cli.server_calls import KeyRefused, OutworxServer, ServerCallFailed

_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 15.0
# The server lists by the time at which a delivery began, and applications report some seconds later, or minutes.
_LOOKED_BACK: Final = "-15m"
_MOST_AT_ONCE: Final = 10 * PAGE
# More than one look can show: what was forgotten cannot come again.
REMEMBERED: Final = 4 * _MOST_AT_ONCE


class Arrivals:
    """Tells the deliveries that are new.

    Args:
        server: whose.
        filters: which.
        remembered: how many of them are known again.
    """

    def __init__(self, server: OutworxServer, filters: DeliveryFilters, remembered: int = REMEMBERED) -> None:
        self._server = server
        self._remembered = remembered
        self._filters = filters.with_("since", _LOOKED_BACK)
        self._begun = _time_of(server)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.new()

    def new(self) -> list[dict[str, Any]]:
        """Returns what has arrived since the last look, in the order of its arrival.

        Raises:
            ServerCallFailed: the server is not there, or does not give them.
        """
        looked, known = [], 0
        for one in deliveries(self._server, self._filters, _MOST_AT_ONCE):
            looked.append(one)
            # After a whole page of known ones nothing new is to be found further back.
            known = known + 1 if one["id"] in self._seen else 0
            if known == PAGE:
                break
        new = [one for one in looked if one["id"] not in self._seen and _arrived(one) >= self._begun]
        for one in looked:
            self._seen[one["id"]] = None
            self._seen.move_to_end(one["id"])
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        return sorted(new, key=_arrived)


def follow(server: OutworxServer, filters: DeliveryFilters, *, as_json: bool) -> None:
    """Prints what arrives, until it is interrupted.

    Raises:
        ServerCallFailed: the server was not there at the beginning, or takes the key no longer.
        ConfigurationError: the server, or a filter, cannot be used.
    """
    arrivals, rows, pause, lost = Arrivals(server, filters), Rows(), _PAUSE_SECONDS, False
    say(f"Deliveries that arrive at {server.address} from now on. Press Ctrl+C to stop.", dim=True, err=True)
    while True:
        time.sleep(pause)
        try:
            new = arrivals.new()
        except KeyRefused:
            raise
        except ServerCallFailed as error:
            if not lost:
                say(f"lost: {error}. Trying again until it is back.", "yellow", err=True)
            lost, pause = True, min(2 * pause, _LONGEST_PAUSE_SECONDS) if lost else pause
            continue
        if lost:
            say(f"{server.address} is back", "green", err=True)
        lost, pause = False, _PAUSE_SECONDS
        if as_json:
            for one in new:
                say_json(one)
        else:
            rows.print(new)


def _time_of(server: OutworxServer) -> datetime.datetime:
    """Returns the server's own time, to the second."""
    reply = server.call("GET", "/api/key")
    try:
        moment = parsedate_to_datetime(reply.header("date") or "")
    except (TypeError, ValueError):
        moment = datetime.datetime.now(datetime.timezone.utc)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.timezone.utc)


def _arrived(delivery: dict[str, Any]) -> datetime.datetime:
    # What an older server took has no arrival.
    text = value(delivery, "arrived_ns") or value(delivery, "time_ns")
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
