"""One application under attack: what its author switched on, what its handler saw, what was reported."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conventions.watch import KeptSpans
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import SECRET

import outworx_otel
from outworx_otel import TrackOptions, webhook

SIGNED = TrackOptions("stripe", signature_secret=SECRET)
# An adapter for all paths leaves the framework's own 404 and 405 as they are, so it may answer as they would.
AS_IF_NOT_THERE = frozenset({401, 404, 405})
Send = Callable[[bytes, Mapping[str, str]], Answer]
Sign = Callable[..., Mapping[str, str]]


class Site:
    """What a row builds its application with.

    Args:
        guarded: whether verification is switched on; False for the control, in which every switch does nothing.
        monkeypatch: for environment variables.
        folder: the working directory.
    """

    def __init__(self, guarded: bool, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.guarded = guarded
        self.folder = folder
        self.bodies: list[bytes] = []
        # For rows whose handler is not given the bytes, and for shapes that override methods.
        self.expected = b""
        self.rewrites = False
        self.spans_in_handler: list[trace.Span] = []
        self._exporter = KeptSpans()
        self._monkeypatch = monkeypatch
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    # What the application's author does.

    def instrument(self, endpoints: Mapping[str, Any] | None = None, **others: Any) -> None:
        """`instrument()`, with `PATH` as the only endpoint where nothing else is said."""
        if self.guarded:
            outworx_otel.instrument(endpoints={PATH: SIGNED} if endpoints is None else endpoints, **others)

    def marked(self, handler: Any, options: TrackOptions = SIGNED) -> Any:
        """`@webhook` on a handler."""
        return webhook(options)(handler) if self.guarded else handler

    def switched_on(self, switch: Callable[..., Any], app: Any, *args: Any, **kwargs: Any) -> Any:
        """`switch(app, ...)`: a hand-mounted adapter or an `instrument_app`; what it gives, or `app`."""
        if not self.guarded:
            return app
        given = switch(app, *args, **kwargs)
        return app if given is None else given

    def setenv(self, name: str, value: str) -> None:
        if self.guarded:
            self._monkeypatch.setenv(name, value)

    def configure(self, text: str, started_in: str = ".") -> Path:
        """An `outworx.toml`, with the process started in a folder relative to it; the file's path."""
        file = self.folder / "outworx.toml"
        if self.guarded:
            file.write_text(text)
            (self.folder / started_in).mkdir(parents=True, exist_ok=True)
            self._monkeypatch.chdir(self.folder / started_in)
        return file

    # What its handler does.

    def ran(self, body: bytes) -> str:
        """The handler was called with this body; what it answers."""
        self.bodies.append(bytes(body))
        self.spans_in_handler.append(trace.get_current_span())
        return "served"

    def forget(self) -> None:
        """What ran and was reported so far."""
        self.bodies.clear()
        self.spans_in_handler.clear()
        self._exporter.clear()

    # What was reported.

    def finished(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def deliveries(self) -> list[ReadableSpan]:
        """The webhook spans."""
        return [
            span
            for span in self.finished()
            if span.instrumentation_scope is not None
            and span.instrumentation_scope.name == "outworx_otel"
            and span.name.startswith("webhook ")
        ]


def event() -> bytes:
    """The body of an event that nobody sent before."""
    return json.dumps({"id": f"evt_{uuid.uuid4().hex}", "type": "charge.succeeded"}, indent=1).encode()


@dataclass(frozen=True)
class Row:
    """One way round: an application, and how a request reaches it.

    Args:
        name: framework, server or bridge, trick.
        build: makes the application of a site; gives what sends one request to it.
        sign: headers of a genuine delivery, by body and secret.
        body: makes a body.
        genuine_runs: False where nothing can verify, so that nothing may run; None where it may be found out.
        refusals: what an unsigned delivery is answered; 500 is in it only where no seam of ours stands.
        may_refuse_to_start: a `ConfigurationError` while the application is built is as good as a refusal.
        reported: False where spans are switched off.
        in_context: False where the request does not run in the context of the test's SERVER span.
        handler_in_context: False where no route serves the path, so that no delivery is opened round a handler, or
            where the thread of a bridge has a context of its own.
    """

    name: str
    build: Callable[[Site], Send]
    sign: Sign = deliveries.stripe
    body: Callable[[], bytes] = event
    genuine_runs: bool | None = True
    refusals: frozenset[int] = frozenset({401})
    may_refuse_to_start: bool = False
    reported: bool = True
    in_context: bool = True
    handler_in_context: bool = True

    def __str__(self) -> str:
        return self.name


@dataclass
class Rows:
    """A table that modules fill: `@rows.add("name", ...)` above the function that builds the application."""

    all: list[Row] = field(default_factory=list)

    def add(self, name: str, **settings: Any) -> Callable[[Callable[[Site], Send]], Callable[[Site], Send]]:
        def added(build: Callable[[Site], Send]) -> Callable[[Site], Send]:
            self.all.append(Row(name, build, **settings))
            return build

        return added

    def __iter__(self) -> Any:
        return iter(self.all)
