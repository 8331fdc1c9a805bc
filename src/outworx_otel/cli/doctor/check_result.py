"""The result of a check of `outworx doctor`, and a time limit for each check."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from outworx_otel.errors import described
from outworx_otel.telemetry.redaction import scrub

Status = Literal["ok", "hint", "warning", "problem"]


@dataclass(frozen=True)
class CheckResult:
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


def ok(check: str, text: str, advice: str | None = None) -> CheckResult:
    """Makes a result with nothing to do; `advice` may still explain."""
    return CheckResult(check, "ok", text, advice)


def hint(check: str, text: str, advice: str | None = None) -> CheckResult:
    """Good to know, or not tried: no reason to do anything."""
    return CheckResult(check, "hint", text, advice)


def warning(check: str, text: str, advice: str, *, unguarded: bool = False) -> CheckResult:
    """Makes a result for what works but may not do what is wanted."""
    return CheckResult(check, "warning", text, advice, unguarded)


def problem(check: str, text: str, advice: str, *, unguarded: bool = False) -> CheckResult:
    """Makes a result for what does not work."""
    return CheckResult(check, "problem", text, advice, unguarded)


PATIENCE: Final = 10.0


def run_check(
    check: str, look: Callable[[], Iterable[CheckResult]], seconds: float = PATIENCE
) -> list[CheckResult]:
    """Runs a check. Returns its results, or one problem if it raises or does not end in time.

    The check runs in a daemon thread, because a name look-up or a dead network drive may hang for ever.
    """
    found: list[CheckResult] = []
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
