"""The exporter as a whole: spans survive receivers without end, and no user or password is shown."""

from __future__ import annotations

import base64
import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from export.scene import QUICK, deliver
from opentelemetry.sdk.trace import TracerProvider
from support.commands import invoked

from outworx_otel.export import Destination, OutworxSpanProcessor
from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.telemetry.semconv import SCOPE

from .clients import ANSWER
from .conftest import Authority
from .parts import Listening, Request, answering, for_ever

Listen = Callable[..., Listening]


def test_no_span_is_lost_to_a_receiver_that_says_100_for_ever_and_then_recovers(listen: Listen) -> None:
    seen: list[Request] = []
    well, ill = answering(ANSWER, seen), for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    attempts = iter(range(1000))

    def talk(connection: socket.socket) -> None:
        (ill if next(attempts) < 3 else well)(connection)

    destination = Destination(listen(talk).url, "ohk_key", timeout=200, protocol="otlp")
    processor = OutworxSpanProcessor(destination=destination, retry_policy=QUICK)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    try:
        deliver(provider.get_tracer(SCOPE), 2000)
        assert processor.force_flush(20_000)
    finally:
        provider.shutdown()
    assert next(attempts) >= 4
    assert sum(len(request.body) > 0 for request in seen) >= 4


@pytest.mark.parametrize("answer", [b"HTTP/1.1 401 No\r\n", b"HTTP/1.1 404 No\r\n", b"HTTP/1.1 503 No\r\n"])
def test_user_password_and_query_are_sent_and_never_logged(
    answer: bytes, listen: Listen, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    server = listen(
        answering(
            answer + b"Content-Type: text/plain\r\nContent-Length: 43\r\n\r\n"
            b"no /base/v1/traces?token=hidden for pa55word",
            seen,
        )
    )
    errors: list[Exception] = []
    endpoint = server.url.replace("http://", "http://me:pa55word@") + "/base?token=hidden"
    with caplog.at_level(logging.DEBUG):
        processor = OutworxSpanProcessor(
            endpoint=endpoint,
            debug=True,
            on_error=errors.append,
            retry_policy=RetryPolicy(first_wait=0.05, longest_wait=0.1, keep=0.2),
        )
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(processor)
        deliver(provider.get_tracer(SCOPE), 3)
        processor.force_flush(1000)
        provider.shutdown()

    assert seen[0].target == "/base/v1/traces?token=hidden"
    assert seen[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:pa55word').decode()}"
    assert errors
    told = caplog.text + "".join(map(str, errors)) + repr(processor.destination)
    assert "pa55word" not in told
    assert "hidden" not in told


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OUTWORX_HOOKS_ENDPOINT"])
def test_the_doctor_uses_and_does_not_show_them_either(
    variable: str, listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen))
    monkeypatch.setenv(variable, server.url.replace("http://", "http://me:pa55word@") + "/base?token=hidden")

    done = invoked("doctor", "--json")

    assert seen[0].target == "/base/v1/traces?token=hidden"
    assert seen[0].headers["authorization"] == f"Basic {base64.b64encode(b'me:pa55word').decode()}"
    assert "pa55word" not in done.out
    assert "hidden" not in done.out
    findings = json.loads(done.out)["findings"]
    assert ("exporter", "ok") in {(one["check"], one["status"]) for one in findings}


def test_the_doctor_tries_as_the_sdk_where_the_sdk_exports(
    listen: Listen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, company: Authority
) -> None:
    """SSL_CERT_FILE is nothing to the SDK's own exporter: to say ok over it would be a lie."""
    monkeypatch.chdir(tmp_path)
    server = listen(answering(ANSWER, []), company.context())
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))

    done = invoked("doctor", "--json")

    (finding,) = [one for one in json.loads(done.out)["findings"] if one["check"] == "exporter"]
    assert finding["status"] == "problem"
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in finding["advice"]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(company.file))
    done = invoked("doctor", "--json")
    assert ("exporter", "ok") in {(one["check"], one["status"]) for one in json.loads(done.out)["findings"]}
