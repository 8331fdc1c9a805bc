"""Whether the exporters and the sampler that the environment names exist: the SDK stops the application over them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.declarative import declarative, is_usable
from outworx_otel.cli.doctor.entries import installed
from outworx_otel.cli.doctor.source_scan import SENDING, source_lines
from outworx_otel.process import environment
from outworx_otel.setup.exporter_choice import added_exporters
from outworx_otel.setup.options import unknown_name

CHECK: Final = "exporters"
_SIGNALS: Final = {
    "OTEL_TRACES_EXPORTER": "opentelemetry_traces_exporter",
    "OTEL_METRICS_EXPORTER": "opentelemetry_metrics_exporter",
}
_PROTOCOLS: Final = {"": "otlp_proto_grpc", "grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_PROTOCOL_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
_OURS: Final = (*environment.ENDPOINT, *environment.API_KEY)
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_OUR_SAMPLER: Final = "outworx_webhook"
_LOSING: Final = ("always_off", "traceidratio", "parentbased_always_off", "parentbased_traceidratio")


def exporters() -> Iterator[CheckResult]:
    """Each signal's exporters, and the sampler: as `OTEL_CONFIG_FILE` names them, else as the variables do."""
    yield from declarative()
    if is_usable():
        return
    for variable, group in _SIGNALS.items():
        yield from _exporters_of(variable, group)
    yield from _protocol()
    yield from _sampler()


def _protocol() -> Iterator[CheckResult]:
    chosen = (environment.text("OTEL_TRACES_EXPORTER") or "") or "otlp"
    named = [os.environ.get(name) for name in _PROTOCOL_VARIABLES]
    if "otlp" in [name.strip() for name in chosen.split(",")] and not any(named) and not _named_destination():
        yield warning(
            CHECK,
            "under opentelemetry-instrument, opentelemetry-distro sends OTLP by gRPC (port 4317), while "
            "`outworx serve` listens for OTLP over HTTP (port 4318)",
            "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        )


def _exporters_of(variable: str, group: str) -> Iterator[CheckResult]:
    chosen = environment.text(variable) or ""
    known = sorted({entry.name for entry in installed(group)})
    if not chosen:
        yield _left_to_the_distribution(variable)
        return
    if chosen.lower() == "none":
        yield ok(
            CHECK, f"{variable}=none: exported is what the code adds itself, as outworx_otel.init() does"
        )
        return
    names = [name.strip() for name in chosen.split(",")]
    for name in names:
        real = _real_name(name)
        if real is None:
            protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            yield problem(
                CHECK,
                f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol!r} is none that the SDK exports by",
                "set it to http/protobuf or grpc",
                unguarded=True,
            )
        elif real not in known:
            yield problem(
                CHECK,
                f"{variable}: {unknown_name('exporter', name, known)}; with it opentelemetry-instrument gives up "
                "before any instrumentor is loaded",
                "correct the name, or install the package that brings it",
                unguarded=True,
            )
    if len(set(names)) < len(names):
        yield warning(CHECK, f"{variable}={chosen} names one twice: everything is sent twice", "name it once")
    if all(_real_name(name) in known for name in names):
        yield ok(CHECK, f"{variable}={chosen}")


def _left_to_the_distribution(variable: str) -> CheckResult:
    named = _named_destination()
    if named is None or any(place.name in SENDING for place in source_lines(Path.cwd())):
        return ok(CHECK, f"{variable} is not set: opentelemetry-distro takes otlp")
    if variable in added_exporters():
        return hint(
            CHECK,
            f"{variable} is not set: opentelemetry-instrument sends to Outworx, because {named} is set, and by otlp "
            "as well (gRPC to localhost:4317 unless OTEL_EXPORTER_OTLP_* say otherwise)",
            f"set {variable}=outworx if nothing listens there",
        )
    return warning(
        CHECK,
        f"{variable} is not set: opentelemetry-distro takes otlp, by gRPC to localhost:4317 unless "
        f"OTEL_EXPORTER_OTLP_* say otherwise; it does not heed {named}",
        f"set {variable}=outworx",
    )


def _named_destination() -> str | None:
    """The variable of ours that says where to send."""
    return next((name for name in _OURS if (environment.text(name) or "")), None)


def _real_name(name: str) -> str | None:
    """The entry point behind a name: `otlp` stands for one by the protocol."""
    if name != "otlp":
        return name
    return _PROTOCOLS.get((environment.text("OTEL_EXPORTER_OTLP_PROTOCOL") or "").lower())


def _sampler() -> Iterator[CheckResult]:
    chosen = environment.text(_SAMPLER) or ""
    known = sorted({entry.name for entry in installed("opentelemetry_traces_sampler")})
    if chosen and chosen not in known:
        yield warning(
            CHECK,
            f"{_SAMPLER}: {unknown_name('sampler', chosen, known)}; the SDK takes its default",
            "correct the name",
        )
    elif chosen in _LOSING:
        yield warning(
            CHECK,
            f"{_SAMPLER}={chosen} leaves deliveries out of what is exported",
            f"{_SAMPLER}={_OUR_SAMPLER} records every configured endpoint's and samples the rest",
        )
    elif chosen:
        yield ok(CHECK, f"{_SAMPLER}={chosen}")
