"""Checks for double instrumentation, and shows whose trace a delivery's span belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, warning
from outworx_otel.cli.doctor.instrumentors import DISABLED, loaded
from outworx_otel.cli.doctor.source_scan import BY_HAND, MARKING, OFFICIAL, SourceLine, listed
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup

CHECK: Final = "double instrumentation"
TRACES: Final = "trace context"
# From this version on, FastAPI makes SERVER spans of its own.
_FASTAPI_TRACES: Final = (0, 142)
_MAKES_SERVER_SPANS: Final = frozenset({"fastapi", "starlette", "flask", "django", "asgi", "wsgi"})


def doubles(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Yields what is done twice: by hand and by us, by FastAPI and contrib, by two exporters."""
    names = loaded()
    used = setup.source_lines
    yield from _by_hand(names, [place for place in used if place.name in BY_HAND])
    yield from _configured_twice(setup, [place for place in used if place.name in BY_HAND | MARKING])
    yield from _official(names, [place for place in used if place.name in OFFICIAL])
    yield from _fastapi(names)
    yield from _exported_twice()
    yield from _trace_context(setup, names)


def _by_hand(names: list[str], found: list[SourceLine]) -> Iterator[CheckResult]:
    ours = [name for name in names if name.startswith("outworx_")]
    if found and ours:
        yield ok(
            CHECK,
            f"{listed(found)} mounts ours by hand, and opentelemetry-instrument also loads {', '.join(ours)}: a "
            "delivery is opened once all the same",
        )


def _configured_twice(setup: ConfiguredSetup, found: list[SourceLine]) -> Iterator[CheckResult]:
    if found and setup.endpoints:
        yield warning(
            CHECK,
            f"{listed(found)} gives options in code, and a file or the environment also configures "
            f"{', '.join(sorted(setup.endpoints))}: for a path in both, those in code count, and "
            "without a secret there the file's verification stands",
            "give each path all its options in one place, or see that the code's are complete",
        )


def _official(names: list[str], found: list[SourceLine]) -> Iterator[CheckResult]:
    for place in found:
        framework = place.name.removesuffix("Instrumentor").lower()
        if framework in names:
            yield warning(
                CHECK,
                f"{place} uses {place.name}, which opentelemetry-instrument loads as well",
                f"take it out of the code, or run with {DISABLED}={framework}",
            )


def _traces_by_itself() -> str | None:
    """FastAPI's version, where it is one that makes SERVER spans of its own."""
    try:
        have = version("fastapi")
    except PackageNotFoundError:
        return None
    numbers = tuple(int(part) for part in re.findall(r"\d+", have)[:2])
    return have if numbers >= _FASTAPI_TRACES else None


def _fastapi(names: list[str]) -> Iterator[CheckResult]:
    have = _traces_by_itself()
    if have is None:
        return
    if "fastapi" in names:
        yield ok(
            CHECK,
            f"FastAPI {have} makes SERVER spans itself, and stands down where it finds contrib's fastapi "
            f"instrumentation; if you see two SERVER spans for a request, run with {DISABLED}=fastapi",
        )
    elif {"asgi", "starlette"} & set(names):
        yield warning(
            CHECK,
            f"FastAPI {have} makes SERVER spans itself, and contrib's starlette instrumentation does too where an "
            "application is a plain Starlette one",
            f"if you see two SERVER spans for a request, run with {DISABLED}=starlette",
        )


def _exported_twice() -> Iterator[CheckResult]:
    chosen = {name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")}
    theirs = (environment.text("OTEL_EXPORTER_OTLP_ENDPOINT") or "").rstrip("/")
    ours = (environment.text(*environment.ENDPOINT) or "").rstrip("/")
    if "outworx" in chosen and chosen & {"otlp", "otlp_proto_http"} and ours and theirs == ours:
        yield warning(
            CHECK,
            f"both exporters, otlp and outworx, send to {ours}: every webhook span goes there twice",
            "leave outworx out of OTEL_TRACES_EXPORTER, or send otlp elsewhere",
        )


def _trace_context(setup: ConfiguredSetup, names: list[str]) -> Iterator[CheckResult]:
    makers = sorted(_MAKES_SERVER_SPANS & set(names))
    if _traces_by_itself():
        makers.append("FastAPI itself")
    if not makers:
        yield hint(
            TRACES,
            "nothing that opentelemetry-instrument loads makes a SERVER span round a delivery: unless the code does, "
            'its own span begins a trace, linked to the sender\'s (trace_context = "link")',
        )
        return
    asked = sorted({endpoint.options.trace_context for endpoint in setup.endpoints.values()} - {"parent"})
    inert = f"; trace_context = {', '.join(map(repr, asked))} has no effect below it" if asked else ""
    yield ok(
        TRACES,
        f"the SERVER span of {', '.join(makers)} takes over the trace id that a sender's traceparent names, and the "
        f"delivery's span stands below it{inert}",
        "to begin a trace of your own for each delivery, strip traceparent at the proxy or set OTEL_PROPAGATORS=none",
    )
