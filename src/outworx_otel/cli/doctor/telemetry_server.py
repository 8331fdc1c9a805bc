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
from outworx_otel.cli.doctor.key_purposes import refused_commands, wrong_purpose
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup
    from outworx_otel.export import Destination
    from outworx_otel.http.bounded_client import Reply

CHECK: Final = "exporter"
CLOCK: Final = "clock"
TIMEOUT_SECONDS: Final = 4.0
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
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.http.bounded_client import CallFailed

    url = destination.traces_url
    by_sdk = destination.standard and not _is_ours()
    if by_sdk:
        yield from _through_a_proxy(destination)
    began = time.time()
    try:
        # No bytes are an empty request in protobuf.
        answer = _as_the_sdk(destination) if by_sdk else _as_the_exporter(destination)
    except (CallFailed, ConfigurationError, OSError, ValueError) as error:
        yield _no_answer(destination, error, by_sdk)
        return
    middle = (began + time.time()) / 2
    # Nobody else is asked: /healthz is a call of ours.
    unwell = _unwell(url) if 200 <= answer.status < 300 and not destination.standard else None
    wrong = wrong_purpose(destination) if answer.status == 403 and not destination.standard else None
    yield unwell or wrong or _verdict(destination, answer.status)
    yield from refused_commands()
    yield from _clock(answer.header("date"), middle, tolerance, urlsplit(url).netloc)


def _is_ours() -> bool:
    """Whether the exporter that the standard variables lead to is ours, and not the SDK's own."""
    named = environment.text("OTEL_TRACES_EXPORTER") or ""
    return "outworx" in [name.strip() for name in named.split(",")]


def _as_the_exporter(destination: Destination) -> Reply:
    """Asks by the exporter's own client: the same proxy, certificates, credentials and bound."""
    from outworx_otel.export import HttpClient

    client = HttpClient(destination)
    try:
        return client.exchange(destination.traces_url, b"", "application/x-protobuf", timeout=TIMEOUT_SECONDS)
    finally:
        client.close()


def _as_the_sdk(destination: Destination) -> Reply:
    """Asks as the SDK's exporter does, which has its own mind about proxies and certificates."""
    import requests
    from opentelemetry.util.re import parse_env_headers

    from outworx_otel.http.bounded_client import Reply

    def said(name: str) -> str | None:
        return environment.text(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")

    headers = {
        "Content-Type": "application/x-protobuf",
        **parse_env_headers(said("HEADERS") or "", liberal=True),
    }
    authorization = destination.authorization()
    if authorization is not None:
        headers["authorization"] = authorization
    certificate, key = said("CLIENT_CERTIFICATE"), said("CLIENT_KEY")
    session = requests.Session()
    # What is for this machine, credentials included, goes to nobody else, also where the SDK would send it there.
    session.trust_env = not _is_here(destination)
    answer = session.post(
        destination.traces_url,
        data=b"",
        headers=headers,
        timeout=TIMEOUT_SECONDS,
        verify=said("CERTIFICATE") or True,
        cert=(certificate, key) if certificate and key else certificate,
        allow_redirects=False,
        stream=True,
    )
    with session, answer:
        return Reply(answer.status_code, tuple(answer.headers.items()), b"")


def _is_here(destination: Destination) -> bool:
    from outworx_otel.http.proxies import is_this_machine

    parts = urlsplit(destination.traces_url)
    return parts.scheme == "http" and is_this_machine(parts.hostname or "")


def _through_a_proxy(destination: Destination) -> Iterator[CheckResult]:
    from requests.utils import get_environ_proxies, select_proxy

    url = destination.traces_url
    if _is_here(destination) and select_proxy(url, get_environ_proxies(url)):
        yield warning(
            CHECK,
            "under opentelemetry-instrument the SDK's own exporter calls this machine through the proxy that the "
            "environment names; it was asked directly here",
            "set NO_PROXY=localhost,127.0.0.1,::1",
        )


def _unwell(url: str) -> CheckResult | None:
    """Asks for the server's health: `outworx serve` accepts an empty request even if its database is down."""
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.export.http_client import exporters_trust
    from outworx_otel.http.bounded_client import BoundedClient, CallFailed

    parts = urlsplit(url)
    health = f"{parts.scheme}://{parts.netloc}/healthz"
    client = BoundedClient(exporters_trust)
    try:
        status = client.call("GET", health, seconds=TIMEOUT_SECONDS).status
    except (CallFailed, ConfigurationError, OSError, ValueError):
        # Only a server that says so itself is unwell: another one need not have this call at all.
        return None
    finally:
        client.close()
    if status != 503:
        return None
    return problem(
        CHECK,
        f"{parts.netloc} is there, and cannot store what it is sent ({health} answers 503)",
        "see that server's log: its disk may be full, or its database locked or gone; spans are kept for up to 60 s",
    )


def _verdict(destination: Destination, status: int) -> CheckResult:
    url = destination.shown(destination.traces_url)
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


def _no_answer(destination: Destination, error: Exception, by_sdk: bool) -> CheckResult:
    where = destination.shown(destination.traces_url)
    said = str(error) or type(error).__name__
    for secret in destination.secrets:
        said = said.replace(secret, "[key]")
    text = f"no answer from {where}: {said[:400]}"
    if by_sdk and "CERTIFICATE_VERIFY_FAILED" in said:
        return problem(
            CHECK, text, "the SDK's exporter reads OTEL_EXPORTER_OTLP_CERTIFICATE or REQUESTS_CA_BUNDLE"
        )
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
        socket.create_connection(address, timeout=TIMEOUT_SECONDS).close()
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
