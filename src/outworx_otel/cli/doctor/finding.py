"""What a check found, and the patience that each check is given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from outworx_otel.errors import described
from outworx_otel.telemetry.redaction import scrub

Status = Literal["ok", "hint", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        check: what was looked at, in a word or two.
        status: whether something has to be done about it.
        text: what was found.
        advice: what to do; None where there is nothing to do.
        unguarded: whether less is guarded than was asked for: `--strict` ends with 78 over it.
    """

    check: str
    status: Status
    text: str
    advice: str | None = None
    unguarded: bool = False


def ok(check: str, text: str, advice: str | None = None) -> Finding:
    """Nothing to do; `advice` may still explain."""
    return Finding(check, "ok", text, advice)


def hint(check: str, text: str, advice: str | None = None) -> Finding:
    """Good to know, or not tried: no reason to do anything."""
    return Finding(check, "hint", text, advice)


def warning(check: str, text: str, advice: str, *, unguarded: bool = False) -> Finding:
    """It works, and may not do what is wanted."""
    return Finding(check, "warning", text, advice, unguarded)


def problem(check: str, text: str, advice: str, *, unguarded: bool = False) -> Finding:
    """It does not work."""
    return Finding(check, "problem", text, advice, unguarded)


PATIENCE: Final = 10.0


def within(check: str, look: Callable[[], Iterable[Finding]], seconds: float = PATIENCE) -> list[Finding]:
    """What a check finds; a problem of its own where it raises or does not end in time.

    It runs in a daemon thread, so that whatever hangs (a name look-up, a file on a dead network drive) hangs alone.
    """
    found: list[Finding] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            found.extend(look())
        except Exception as error:  # noqa: BLE001  # said below; one broken check must not hide the others
            errors.append(error)

    thread = threading.Thread(target=run, name=f"outworx-doctor-{check}", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        said = problem(
            check, f"did not end within {seconds:g} s", "something it asks does not answer: see above"
        )
        return [*found, said]
    if errors:
        text = f"could not be finished: {scrub(described(errors[0]))}"
        return [*found, problem(check, text, "please report this, with the versions above")]
    return found
