"""Whether the host freezes a process that has answered, and whether deliveries reckon with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, problem
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.setup.freezing import FLUSH_EACH_VARIABLE, known_host

CHECK: Final = "host"
# Hosts that may freeze a process, which cannot be told from inside.
_MAY_FREEZE: Final = {"K_SERVICE": "Cloud Run or Cloud Functions", "VERCEL": "Vercel"}


def hosts() -> Iterator[CheckResult]:
    """What sends a delivery's telemetry before the process is frozen; nothing where no such host is seen."""
    try:
        said = environment.flag(FLUSH_EACH_VARIABLE) if environment.name_set(FLUSH_EACH_VARIABLE) else None
    except ConfigurationError as error:
        yield problem(CHECK, str(error), f"set {FLUSH_EACH_VARIABLE} to true or false, or unset it")
        return
    known = known_host()
    if known is not None and said is False:
        yield hint(
            CHECK,
            f"{known} says that the host freezes this process after an answer, and {FLUSH_EACH_VARIABLE} is false: "
            "telemetry may be sent late or never",
            f"unset {FLUSH_EACH_VARIABLE}, unless an extension beside the function does the sending",
        )
    elif known is not None or said:
        yield hint(
            CHECK, f"each delivery sends its telemetry itself, because of {known or FLUSH_EACH_VARIABLE}"
        )
    for variable, host in _MAY_FREEZE.items():
        if known is None and said is None and environment.name_set(variable):
            yield hint(
                CHECK,
                f"this is {host} ({variable}), which may freeze the process after an answer",
                f"set {FLUSH_EACH_VARIABLE}=true, unless CPU is always allocated",
            )
