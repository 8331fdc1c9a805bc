"""A small OTLP/HTTP receiver that keeps webhook spans and metrics in memory.

In the demo it stands where the Outworx server (or a collector) stands otherwise. By hand, it prints a line for
every span, until Ctrl+C:

    python examples/otlp_receiver.py 4318
    OUTWORX_HOOKS_ENDPOINT=http://127.0.0.1:4318 OUTWORX_HOOKS_API_KEY=any ...
"""

from __future__ import annotations

import contextlib
import gzip
import hmac
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

WEBHOOK_SCOPE: Final = "outworx_otel"
PROTOBUF: Final = "application/x-protobuf"
MAX_BODY: Final = 64 * 1024 * 1024


@dataclass(frozen=True)
class ReceivedSpan:
    """A webhook span as it came off the wire."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_span_id: str
    attributes: dict[str, Any]
    is_error: bool
    status_message: str


class Receiver:
    """Listens on a loopback port from `start` to `stop`.

    Args:
        api_key: turn away (401) whoever does not send it as Bearer token; None lets everybody in.
        port: 0 takes a free one.
        on_span: called with each webhook span, in the order of arrival.
    """

    def __init__(
        self, api_key: str | None = None, port: int = 0, on_span: Callable[[ReceivedSpan], None] | None = None
    ) -> None:
        self._api_key = api_key
        self._on_span = on_span
        self._spans: list[ReceivedSpan] = []
        self._sums: dict[str, float] = {}
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def start(self) -> None:
        """Takes requests in a thread of its own."""
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    def stop(self) -> None:
        """Takes no more."""
        self._server.shutdown()
        self._server.server_close()

    def spans(self) -> list[ReceivedSpan]:
        """Every webhook span so far."""
        with self._changed:
            return list(self._spans)

    def total(self, counter: str) -> float:
        """What the data points of a counter add up to, over all services; they come as deltas."""
        with self._changed:
            return self._sums.get(counter, 0.0)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits until `condition` holds; it is asked again whenever something has arrived."""
        until = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def accept(self, path: str, body: bytes) -> bytes | None:
        """Takes in one export request and gives the answer's body; None is a path that is not ours."""
        if path.endswith("/v1/traces"):
            spans = list(_webhook_spans(ExportTraceServiceRequest.FromString(body)))
            with self._changed:
                self._spans.extend(spans)
                self._changed.notify_all()
            if self._on_span is not None:
                for span in spans:
                    self._on_span(span)
            return bytes(ExportTraceServiceResponse().SerializeToString())
        if path.endswith("/v1/metrics"):
            with self._changed:
                for name, value in _sums(ExportMetricsServiceRequest.FromString(body)):
                    self._sums[name] = self._sums.get(name, 0.0) + value
                self._changed.notify_all()
            return bytes(ExportMetricsServiceResponse().SerializeToString())
        return None

    def admits(self, authorization: str) -> bool:
        """Whether the key is the right one."""
        expected = f"Bearer {self._api_key}"
        return self._api_key is None or hmac.compare_digest(authorization.encode(), expected.encode())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                if length > MAX_BODY:
                    self.close_connection = True
                    return self._answer(413)
                body = self.rfile.read(length)
                if not receiver.admits(self.headers.get("authorization", "")):
                    return self._answer(401)
                if self.headers.get_content_type() != PROTOBUF:
                    return self._answer(415)
                try:
                    if self.headers.get("content-encoding") == "gzip":
                        body = gzip.decompress(body)
                    answer = receiver.accept(self.path, body)
                except (OSError, EOFError, zlib.error, DecodeError):
                    return self._answer(400)
                return self._answer(404) if answer is None else self._answer(200, answer)

            def _answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("content-type", PROTOBUF)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """No line per request."""

        return Handler


def _webhook_spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            if scope.scope.name == WEBHOOK_SCOPE:
                for span in scope.spans:
                    yield ReceivedSpan(
                        service=service,
                        name=span.name,
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_span_id=span.parent_span_id.hex(),
                        attributes=_attributes(span.attributes),
                        is_error=span.status.code == Status.STATUS_CODE_ERROR,
                        status_message=span.status.message,
                    )


def _sums(request: ExportMetricsServiceRequest) -> Iterator[tuple[str, float]]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.sum.data_points:
                    yield metric.name, point.as_int or point.as_double


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def _print(span: ReceivedSpan) -> None:
    shown = {
        name: value for name, value in span.attributes.items() if not name.startswith("http.request.header.")
    }
    print(f"{span.service}: {span.name} {span.status_message}\n    {shown}", flush=True)


def main() -> None:
    """Prints what arrives on the given port (4318, OTLP/HTTP's own, unless another is named)."""
    with Receiver(port=int(sys.argv[1]) if len(sys.argv) > 1 else 4318, on_span=_print) as receiver:
        print(f"OTLP/HTTP at {receiver.endpoint}; Ctrl+C ends it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
