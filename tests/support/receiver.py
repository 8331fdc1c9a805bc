"""A real OTLP/HTTP receiver on a loopback port, whose answers a test can script."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from conventions.watch import look_at_export
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclasses.dataclass(frozen=True)
class Call:
    """One request as it came in, with its body decompressed."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    def spans(self) -> Iterator[Any]:
        if self.path.endswith("/v1/traces"):
            for resource in ExportTraceServiceRequest.FromString(self.body).resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def metrics(self) -> Iterator[Any]:
        if self.path.endswith("/v1/metrics"):
            for resource in ExportMetricsServiceRequest.FromString(self.body).resource_metrics:
                for scope in resource.scope_metrics:
                    yield from scope.metrics

    def events(self) -> list[dict[str, Any]]:
        return json.loads(self.body)["events"] if self.headers["content-type"] == "application/json" else []


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""


Script = Callable[[Call, int], Reply]


def accept(call: Call, index: int) -> Reply:
    return Reply()


class Receiver:
    """Listens until `stop`; may be started again on the same port.

    Args:
        script: how it answers.
        port: 0 is any.
        checked: False where its spans are a test's own, or others write on them, of which `model/` says nothing.
    """

    def __init__(self, script: Script = accept, port: int = 0, *, checked: bool = True) -> None:
        self.script = script
        self._checked = checked
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._port = port
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver._connections.add(self.connection)

            def finish(self) -> None:
                receiver._connections.discard(self.connection)
                with contextlib.suppress(OSError):
                    super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                call = Call(self.path, headers, body, time.monotonic())
                with receiver._lock:
                    index = len(receiver.calls)
                    reply = receiver.script(call, index)
                    receiver.calls.append(call)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                error = sys.exc_info()[1]
                # A client that gave up waiting is part of some tests.
                if not isinstance(error, OSError):
                    super().handle_error(request, client_address)  # type: ignore[arg-type] # passed on

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        # A receiver that is gone has no connections left either.
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for call in self.calls if self._checked else ():
            look_at_export(call.path, call.body)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def span_names(self) -> list[str]:
        """Of the calls that were answered by 2xx in an accepting script: every span that came in."""
        return [span.name for call in list(self.calls) for span in call.spans()]

    def events(self) -> list[dict[str, Any]]:
        return [event for call in list(self.calls) for event in call.events()]

    def wait_for(self, condition: Callable[[Receiver], bool], seconds: float = 60.0) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition(self):
                return True
            time.sleep(0.02)
        return condition(self)


def free_port() -> int:
    """A port on which nobody listens, for a server that is started later.

    The kernel gives ports from 32768 on to whoever asks for any, so that one of those may be taken meanwhile.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
