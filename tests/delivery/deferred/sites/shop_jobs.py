"""What workers run. Like many a module of jobs, it sets telemetry up as it is imported."""

from __future__ import annotations

import outworx_otel

outworx_otel.init()


class CardDeclined(Exception):
    """The job's own."""


def charge(token: str, order: int) -> int:
    """Marks its work."""
    with outworx_otel.resume(token) as track:
        track.processed({"order": order})
    return order


def charge_in_vain(token: str) -> None:
    """Fails, as RQ will notice."""
    with outworx_otel.resume(token):
        raise CardDeclined("card 7 was declined")


def forget(token: str) -> None:
    """Neither marks its work nor fails."""
    with outworx_otel.resume(token):
        pass


async def charge_asynchronously(token: str) -> None:
    """RQ runs a coroutine to its end, in a loop of its own."""
    with outworx_otel.resume(token) as track:
        track.processed({"asynchronous": True})
