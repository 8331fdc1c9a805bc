"""The SDK's own exporter, which `init()` sets up by the standard variables alone: this machine by no proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.commands import invoked

from .clients import ANSWER
from .parts import Listening, Proxy, Request, answering

Listen = Callable[..., Listening]
Proxies = Callable[..., Proxy]

_PROGRAM = """
import outworx_otel
from opentelemetry import trace, metrics
outworx_otel.init()
trace.get_tracer("a").start_span("one").end()
metrics.get_meter("a").create_counter("c").add(1)
trace.get_tracer_provider().shutdown()
metrics.get_meter_provider().shutdown()
"""


def test_what_is_for_this_machine_goes_to_no_proxy(listen: Listen, proxy: Proxies, tmp_path: Path) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen))
    way = proxy(server.port)
    environ = {
        "HTTP_PROXY": f"http://127.0.0.1:{way.port}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20key",
    }
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", _PROGRAM],
        cwd=tmp_path,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert {request.target for request in seen} == {"/v1/traces", "/v1/metrics"}
    assert way.seen == []


def test_the_doctor_sends_it_to_no_proxy_either_and_warns(
    listen: Listen, proxy: Proxies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen))
    way = proxy(server.port)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{way.port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)

    findings = json.loads(invoked("doctor", "--json").out)["findings"]

    told = {one["status"]: one for one in findings if one["check"] == "exporter"}
    assert set(told) == {"ok", "warning"}
    assert "NO_PROXY" in told["warning"]["advice"]
    assert seen
    assert way.seen == []
