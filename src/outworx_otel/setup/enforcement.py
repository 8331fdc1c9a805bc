"""How strictly: `OUTWORX_ENFORCE=report` refuses nobody, `OUTWORX_STRICT=true` starts with nothing that is amiss."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import Final, NoReturn

ENFORCE: Final = "OUTWORX_ENFORCE"
STRICT: Final = "OUTWORX_STRICT"
EXIT_STATUS: Final = 78
"""`EX_CONFIG` of sysexits.h."""

REPORTING: Final = (
    f"outworx: {ENFORCE}=report: signatures are checked and NOBODY IS REFUSED, whatever the verdict; set it to on, "
    "or unset it, to turn unverified deliveries away"
)
_ENFORCES: Final = ("", "on")
_TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("", "false", "0", "no", "off")
_SAY_AGAIN: Final = 60.0

_logger = logging.getLogger("outworx_otel")
_said_at = -_SAY_AGAIN


def reports_only() -> bool:
    """Whether deliveries that would be refused are let in. Asked only about those, so it reads the variable."""
    return _word(ENFORCE) == "report"


def is_strict() -> bool:
    """Whether a configuration that does less than it says ends the process."""
    return _word(STRICT) in _TRUE


def wrong_values() -> list[str]:
    """What is wrong with the two variables: another value counts as the stricter one, and as no `OUTWORX_STRICT`."""
    found = []
    if _word(ENFORCE) not in (*_ENFORCES, "report"):
        found.append(
            f"{ENFORCE} must be on or report, not {os.environ[ENFORCE]!r}; deliveries are refused as usual"
        )
    if _word(STRICT) not in (*_TRUE, *_FALSE):
        found.append(f"{STRICT} must be true or false, not {os.environ[STRICT]!r}")
    return found


def say_let_in() -> None:
    """Says once a minute that a delivery was let in which would have been refused."""
    global _said_at
    now = time.monotonic()
    if now - _said_at >= _SAY_AGAIN:
        _said_at = now
        _logger.error("%s; deliveries are coming in that would be refused", REPORTING)


def end_process(problems: Iterable[str]) -> NoReturn:
    """Ends the process with status 78 and the list on standard error."""
    listed = "".join(f"\n  - {problem}" for problem in problems)
    print(
        f"outworx: {STRICT} is set, and the configuration does less than it says:{listed}",
        file=sys.stderr,
        flush=True,
    )
    if _is_starting():
        # Out of `sitecustomize`, the interpreter turns SystemExit into a fatal error with status 1.
        sys.stdout.flush()
        os._exit(EXIT_STATUS)
    sys.exit(EXIT_STATUS)


def _is_starting() -> bool:
    """Whether `opentelemetry-instrument` calls us while the interpreter starts."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") == "sitecustomize":
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return False


def _word(name: str) -> str:
    return os.environ.get(name, "").strip().lower()
