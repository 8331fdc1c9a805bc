"""Whether anybody stands in front of the endpoints that are to be verified, and what was opened on purpose."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, warning
from outworx_otel.cli.doctor.declarative import disabled_in_file
from outworx_otel.cli.doctor.source_scan import BY_HAND, SWITCHING, listed
from outworx_otel.setup import enforcement
from outworx_otel.setup.announcement import EXCLUDED_URLS, opened_paths, partly_opened_paths
from outworx_otel.setup.exclusions import excluded_urls
from outworx_otel.setup.unguarded import (
    DISABLED,
    SUPPORTED,
    disabled_instrumentors,
    installed_frameworks,
    launcher_is_before,
    outside_range,
)

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup

CHECK: Final = "guards"
_SPARING: Final = "OTEL_PYTHON_EXCLUDED_URLS"


def guards(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """What is refused nowhere, kept away, or opened; then what cannot be told without running the application."""
    found = [*_enforcement(), *_left_alone(setup), *_switched_off(setup), *_opened(setup)]
    yield from found
    if setup.verifying and not any(one.unguarded for one in found):
        yield hint(
            CHECK,
            f"nothing that is set here leaves {', '.join(setup.verifying)} unguarded; whether the application is "
            "started with opentelemetry-instrument, instrument() or an adapter was not tried",
            "send it an unsigned delivery, which must be answered 401: outworx trigger PROVIDER EVENT --to URL "
            "--bad-signature missing_header",
        )


def _enforcement() -> Iterator[CheckResult]:
    if enforcement.reports_only():
        yield warning(
            CHECK,
            enforcement.REPORTING,
            f"unset {enforcement.ENFORCE} when the verdicts are as expected",
            unguarded=True,
        )
    if enforcement.is_strict():
        yield ok(
            CHECK, f"{enforcement.STRICT}: the application does not start with a problem in its configuration"
        )


def _left_alone(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    where = ", ".join(setup.verifying)
    for framework in installed_frameworks():
        why = outside_range(framework)
        if why is not None:
            yield warning(
                CHECK,
                f"{why}: it is left alone, so "
                + (f"nobody guards {where} in its applications" if where else "they have no webhook spans"),
                f"install {framework} {SUPPORTED[framework]}",
                unguarded=bool(where),
            )


def _switched_off(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    where = ", ".join(setup.verifying)
    for name in disabled_in_file() if where else ():
        yield warning(
            CHECK,
            f"OTEL_CONFIG_FILE switches {name} off: opentelemetry-instrument loads it all the same, and where code "
            f"applies that file, nobody guards {where} in its applications",
            "take it out of the file",
        )
    if where and launcher_is_before("0.63b0"):
        yield hint(
            CHECK,
            "this opentelemetry-instrument (before 0.63b0) does not reach workers that a server spawns, as "
            f"`uvicorn --workers` does: nobody guards {where} there unless the application calls instrument()",
        )
    off = disabled_instrumentors()
    if not where or not off:
        return
    switching = [place for place in setup.source_lines if place.name in SWITCHING]
    by_hand = [place for place in setup.source_lines if place.name in BY_HAND]
    said = f"{DISABLED} switches {', '.join(off)} off"
    if switching:
        yield hint(CHECK, f"{said}; {listed(switching)} calls instrument(), which switches ours on")
    elif by_hand:
        yield warning(
            CHECK,
            f"{said}: {where} is guarded only where {listed(by_hand)} mounts ours in front of it",
            "see that it does, or take ours out of the variable",
        )
    else:
        yield warning(
            CHECK,
            f"{said}, so nobody guards {where} in those applications",
            "take ours out of it, or call outworx_otel.instrument() in the application",
            unguarded=True,
        )


def _opened(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    value = os.environ.get(EXCLUDED_URLS, "")
    try:
        excluded_urls(value)
    except re.error as error:
        yield warning(
            CHECK, f"{EXCLUDED_URLS} holds no regular expression ({error}): no URL is excluded", "correct it"
        )
        return
    opened = opened_paths(setup.endpoints)
    if opened:
        yield warning(
            CHECK,
            f"{EXCLUDED_URLS}={value} opens {', '.join(opened)}: deliveries there run unverified and unseen",
            f"narrow the expressions; to leave out spans alone, use {_SPARING}",
            unguarded=True,
        )
    for pattern in partly_opened_paths(setup.endpoints):
        stem = re.split(r"[*{<]", pattern)[0].strip("/")
        yield warning(
            CHECK,
            f"{EXCLUDED_URLS}={value} may open a part of {pattern}: which paths, only a request tells",
            "narrow the expressions, or name the paths that are to be verified",
            unguarded=stem in value,
        )
    spared = os.environ.get(_SPARING, "")
    if spared and not value and setup.verifying:
        yield hint(CHECK, f"{_SPARING}={spared} spares spans only: what verifies goes on to be verified")
