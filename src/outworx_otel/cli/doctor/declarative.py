"""`OTEL_CONFIG_FILE`, the SDK's own file: whether it can be used, and what it says of exporters, sampler and ours."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.entries import installed
from outworx_otel.setup.options import unknown_name

CHECK: Final = "exporters"
VARIABLE: Final = "OTEL_CONFIG_FILE"
_LOADER: Final = "opentelemetry.configuration"
# Where the SDK looks for what is no part of it, by the place in the file.
_GROUPS: Final = {
    "SpanExporter": ("exporter", "opentelemetry_traces_exporter"),
    "PushMetricExporter": ("exporter", "opentelemetry_metrics_exporter"),
    "Sampler": ("sampler", "opentelemetry_sampler"),
}
_LOSING: Final = ("always_off", "trace_id_ratio_based", "probability_development")
_CONSEQUENCE: Final = (
    "where endpoints are configured, outworx leaves it out at start and the variables count; elsewhere "
    "opentelemetry-instrument loads no instrumentor"
)


class Unusable(Exception):
    """Why the file cannot be used, and what to do."""

    def __init__(self, why: str, advice: str) -> None:
        super().__init__(why)
        self.advice = advice


def load() -> Any:
    """The configuration as the SDK reads it; None where no file is named.

    Raises:
        Unusable: it cannot be read.
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        reader = importlib.import_module(_LOADER)
    except ImportError:
        raise Unusable(
            "opentelemetry-configuration is not installed", "pip install opentelemetry-configuration"
        ) from None
    try:
        return reader.load_config_file(path)
    except Exception as error:
        raise Unusable(f"{type(error).__name__}: {error}".splitlines()[0], "correct the file") from error


def is_usable() -> bool:
    """Whether the file says what is exported and sampled, in place of the variables."""
    try:
        return load() is not None
    except Unusable:
        return False


def disabled_in_file() -> list[str]:
    """Our instrumentors that the file says are not enabled."""
    try:
        loaded = load()
    except Unusable:
        return []
    python = getattr(getattr(loaded, "instrumentation_development", None), "python", None)
    if not isinstance(python, dict):
        return []
    return [
        name
        for name, options in python.items()
        if name.startswith("outworx_") and isinstance(options, dict) and options.get("enabled") is False
    ]


def declarative() -> Iterator[CheckResult]:
    """What is wrong with the file; what it names."""
    path = os.environ.get(VARIABLE)
    try:
        loaded = load()
    except Unusable as error:
        yield problem(
            CHECK, f"{VARIABLE}={path} cannot be used ({error}); {_CONSEQUENCE}", error.advice, unguarded=True
        )
        return
    if loaded is None:
        return
    yield ok(
        CHECK,
        f"{VARIABLE}={path} can be read; it counts in place of OTEL_TRACES_EXPORTER, OTEL_TRACES_SAMPLER, …",
    )
    if getattr(loaded, "disabled", None):
        yield problem(CHECK, f"{path} says disabled: true: nothing is recorded or exported", "take it out")
    if not _propagates(loaded):
        yield problem(
            CHECK,
            f"{path} names no propagator: OpenTelemetry then sets one that returns no context, and its Flask "
            "instrumentor answers every request with 500",
            "propagator: {composite: [{tracecontext: }, {baggage: }]}",
        )
    named: set[tuple[str, str]] = set()
    for kind, name in _components(loaded):
        what, group = _GROUPS[kind]
        known = sorted({entry.name for entry in installed(group)})
        if name in known:
            named.add((kind, name))
            yield ok(CHECK, f"{path}: {what} {name}")
        else:
            yield problem(
                CHECK,
                f"{path}: {unknown_name(what, name, known)}; {_CONSEQUENCE}",
                "correct the name, or install the package that brings it",
                unguarded=True,
            )
    if ("SpanExporter", "outworx") not in named:
        yield hint(
            CHECK, f"{path} names no span exporter outworx: spans go where it says, or where the code sends"
        )
    sampler = getattr(getattr(loaded, "tracer_provider", None), "sampler", None)
    losing = [name for name in _LOSING if getattr(sampler, name, None) is not None]
    if losing:
        yield warning(
            CHECK,
            f"{path}: the sampler {losing[0]} leaves deliveries out of what is exported",
            "sampler: {outworx_webhook:} records every configured endpoint's and samples the rest",
        )


def _propagates(loaded: Any) -> bool:
    """Whether the file names a propagator; for what it does not say, the variables do not count."""
    propagator = getattr(loaded, "propagator", None)
    return any(getattr(propagator, name, None) for name in ("composite", "composite_list"))


def _components(part: Any) -> Iterator[tuple[str, str]]:
    """The place and name of each exporter and sampler that is no part of OpenTelemetry itself."""
    if isinstance(part, list | tuple):
        for item in part:
            yield from _components(item)
    elif is_dataclass(part):
        kind = type(part).__name__
        others = getattr(part, "additional_properties", None)
        if kind in _GROUPS and isinstance(others, dict):
            yield from ((kind, name) for name in others)
        for field in fields(part):
            yield from _components(getattr(part, field.name, None))
