"""Checks that the exporter's server is there and takes the key, and compares its clock with ours."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.declarative import is_usable
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup
    from outworx_otel.export import Destination

CHECK: Final = "exporter"
CLOCK: Final = "clock"
_TIMEOUT_SECONDS: Final = 4.0
_OFF: Final = 5.0
# What most providers allow, where no endpoint says otherwise.
_USUAL_TOLERANCE: Final = 300.0
_NO_OTLP: Final = (404, 405, 415)


def server(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Sends one empty OTLP request and yields what its answer shows."""
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.export import Destination

    try:
        destination = Destination.from_environment()
    except ConfigurationError:
        # Said where the destination is described.
        return
    if destination.standard and is_usable():
        # Likewise.
        return
    if destination.standard and (environment.text("OTEL_TRACES_EXPORTER") or "").lower() == "none":
        yield hint(
            CHECK, "no key and no endpoint of ours, and OTEL_TRACES_EXPORTER=none: nothing is exported"
        )
        return
    if destination.standard and _speaks_grpc():
        yield from _port_only(destination)
        return
    yield from _asked(destination, smallest_tolerance(setup))


def smallest_tolerance(setup: ConfiguredSetup) -> float:
    """Returns the seconds that this machine's clock may be off before deliveries of an endpoint fail."""
    windows = [
        endpoint.verifier.tolerance
        for endpoint in setup.endpoints.values()
        if endpoint.verifier is not None and not math.isinf(endpoint.verifier.tolerance)
    ]
    return min(windows, default=_USUAL_TOLERANCE)


def _asked(destination: Destination, tolerance: float) -> Iterator[CheckResult]:
    import httpx

    headers = {"Content-Type": "application/x-protobuf", **_credentials(destination)}
    url = destination.traces_url
    began = time.time()
    try:
        # No bytes are an empty request in protobuf.
        answer = httpx.post(
            url, content=b"", headers=headers, timeout=_TIMEOUT_SECONDS, follow_redirects=False
        )
    except (httpx.HTTPError, OSError, ValueError) as error:
        yield _no_answer(destination, error)
        return
    middle = (began + time.time()) / 2
    # Nobody else is asked: /healthz is a call of ours.
    unwell = _unwell(url) if answer.is_success and not destination.standard else None
    yield _verdict(destination, answer.status_code) if unwell is None else unwell
    yield from _clock(answer.headers.get("date"), middle, tolerance, urlsplit(url).netloc)


def _unwell(url: str) -> CheckResult | None:
    """Asks for the server's health: `outworx serve` accepts an empty request even if its database is down."""
    import httpx

    parts = urlsplit(url)
    health = f"{parts.scheme}://{parts.netloc}/healthz"
    try:
        status = httpx.get(health, timeout=_TIMEOUT_SECONDS, follow_redirects=False).status_code
    except (httpx.HTTPError, OSError, ValueError):
        # Only a server that says so itself is unwell: another one need not have this call at all.
        return None
    if status != httpx.codes.SERVICE_UNAVAILABLE:
        return None
    return problem(
        CHECK,
        f"{parts.netloc} is there, and cannot store what it is sent ({health} answers 503)",
        "see that server's log: its disk may be full, or its database locked or gone; spans are kept for up to 60 s",
    )


def _credentials(destination: Destination) -> dict[str, str]:
    if destination.api_key is not None:
        return {"Authorization": f"Bearer {destination.api_key}"}
    if not destination.standard:
        return {}
    from opentelemetry.util.re import parse_env_headers

    # They belong to the endpoint that the standard variables name, and to no other.
    own = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or os.environ.get("OTEL_EXPORTER_OTLP_HEADERS")
    return dict(parse_env_headers(own or "", liberal=True))


def _verdict(destination: Destination, status: int) -> CheckResult:
    url = destination.traces_url
    if 200 <= status < 300:
        taken = "takes this key" if destination.api_key is not None else "answers, and asks for no key"
        return ok(CHECK, f"{url} {taken}")
    if status in (401, 403):
        if destination.api_key is None:
            return problem(CHECK, f"{url} wants a key ({status})", "set OUTWORX_API_KEY")
        return problem(
            CHECK,
            f"{url} does not take this key ({status})",
            "copy the key again from the server, into OUTWORX_API_KEY",
        )
    if status in _NO_OTLP and destination.protocol == "events":
        return ok(
            CHECK, f"{destination.endpoint} speaks no OTLP ({status}), and events are what is sent there"
        )
    if status in _NO_OTLP and destination.protocol == "auto":
        return warning(
            CHECK,
            f"{url} speaks no OTLP ({status}); deliveries will be sent as events, without their traces",
            "set OUTWORX_PROTOCOL=events to skip the attempt, or correct the endpoint's path",
        )
    if status in _NO_OTLP:
        return problem(
            CHECK, f"{url} speaks no OTLP ({status})", "correct the endpoint's path or the protocol"
        )
    if status == 429 or status >= 500:
        return warning(
            CHECK, f"{url} answers {status}", "it may pass; spans are kept for up to 60 s meanwhile"
        )
    return warning(CHECK, f"{url} answers {status} to an empty request", "see the server's log")


def _no_answer(destination: Destination, error: Exception) -> CheckResult:
    import httpx

    where = destination.traces_url
    why = (
        f"within {_TIMEOUT_SECONDS:g} s" if isinstance(error, httpx.TimeoutException) else f": {error}"[:200]
    )
    text = f"no answer from {where} {why}".replace(" :", ":")
    if destination.standard and not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return warning(
            CHECK,
            f"{text}; nothing else is configured, so telemetry goes nowhere",
            "start `outworx serve`, or set OUTWORX_API_KEY or OUTWORX_ENDPOINT",
        )
    return problem(CHECK, text, "is it running, is the address right, and may this machine reach it?")


def _clock(date: str | None, middle: float, tolerance: float, host: str) -> Iterator[CheckResult]:
    try:
        # The header has whole seconds; the moment was somewhere in that one.
        server_time = parsedate_to_datetime(date or "").timestamp() + 0.5
    except (ValueError, TypeError, IndexError, OverflowError):
        yield hint(
            CLOCK, f"{host} does not say what time it is, so this machine's clock was compared with none"
        )
        return
    off = middle - server_time
    text = f"this machine's clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} that of {host}"
    if abs(off) > tolerance:
        yield problem(
            CLOCK,
            f"{text}; a signature may be off by {tolerance:g} s here, so every delivery would be timestamp_drift",
            "synchronise the clock (NTP): timedatectl set-ntp true",
        )
    elif abs(off) > _OFF:
        yield warning(CLOCK, text, "synchronise the clock (NTP): timedatectl set-ntp true")
    else:
        yield ok(CLOCK, f"this machine's clock and that of {host} agree")


def _speaks_grpc() -> bool:
    chosen = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", ""
    )
    return chosen.strip().lower() == "grpc"


def _port_only(destination: Destination) -> Iterator[CheckResult]:
    parts = urlsplit(destination.endpoint)
    address = (parts.hostname or "localhost", parts.port or 4317)
    try:
        socket.create_connection(address, timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        yield problem(
            CHECK,
            f"nothing listens at {address[0]}:{address[1]} (gRPC): {error}",
            "is it running, and is the address right?",
        )
        return
    yield hint(
        CHECK,
        f"something listens at {address[0]}:{address[1]}; whether it takes spans and the key was not asked by gRPC",
    )
