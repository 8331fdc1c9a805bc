"""Fixtures of the export tests: receivers, providers, and an environment without telemetry settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import Tracer
from support.receiver import Receiver, Script, accept

from outworx_otel.telemetry.semconv import SCOPE


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    """Start a receiver; every one is stopped after the test."""
    started: list[Receiver] = []

    def start(script: Script = accept, port: int = 0) -> Receiver:
        started.append(Receiver(script, port, checked=False).start())
        return started[-1]

    yield start
    for receiver in started:
        receiver.stop()


@pytest.fixture
def tracing() -> Iterator[Callable[..., Tracer]]:
    """Make a provider with a processor and give our tracer of it."""
    providers: list[TracerProvider] = []

    def make(processor: SpanProcessor, scope: str = SCOPE) -> Tracer:
        providers.append(TracerProvider(shutdown_on_exit=False))
        providers[-1].add_span_processor(processor)
        return providers[-1].get_tracer(scope)

    yield make
    for provider in providers:
        provider.shutdown()
