"""Requests that are small on the wire and large in memory.

As a program: for each its name, how it ended, the MiB that it took and the seconds, a line of JSON. Those that are
taken, because the largest real batches have as many values, need `OUTWORX_TEST_FULL=1`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException

from outworx_otel.server.ingest import idempotency_calls, loose_json, otlp_format
from outworx_otel.server.ingest.decoding import sorted_spans
from outworx_otel.server.ingest.json_batch import deliveries_of
from outworx_otel.server.ingest.otlp_metrics import DeliveryCounter
from outworx_otel.server.ingest.otlp_wire import TooManyValues
from outworx_otel.server.ingest.span_sorting import sort

FULL = os.environ.get("OUTWORX_TEST_FULL") == "1"
MIB = 1024 * 1024
_SPAN = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"\x2a\x0ewebhook stripe"


def field(number: int, content: bytes) -> bytes:
    """Bytes, a text or a message as protobuf has them."""
    length, left = b"", len(content)
    while left > 127:
        length += bytes([left & 127 | 128])
        left >>= 7
    return bytes([number << 3 | 2]) + length + bytes([left]) + content


def request_of(*spans: bytes) -> bytes:
    """A request of those spans."""
    inside = field(1, field(1, b"outworx_otel")) + b"".join(field(2, _SPAN + one) for one in spans)
    return field(1, field(2, inside))


def trace_bombs() -> Iterator[tuple[str, bytes]]:
    yield "resources", b"\n\0" * (16 * MIB)
    yield "scopes", field(1, b"\x12\0" * (16 * MIB))
    yield "spans", field(1, field(2, b"\x12\0" * (16 * MIB)))
    yield "attributes of a span", request_of(*[b"\x4a\0" * (4 * MIB - 100)] * 3)
    yield "attributes of a resource", field(1, field(1, b"\x0a\0" * (4 * MIB - 100)))
    empties = field(5, b"\x0a\0" * (4 * MIB - 100))
    yield (
        "empty values in a list",
        request_of(*(field(9, field(1, b"%d" % n) + field(2, empties)) for n in range(3))),
    )
    if not FULL:
        return
    mappings = field(5, field(1, b"\x32\0") * 1000)
    yield (
        "mappings in lists",
        request_of(*(field(9, field(1, b"%d" % n) + field(2, mappings)) for n in range(7000))),
    )
    yield "events", request_of(*[b"\x5a\0" * 9000] * 1500)
    yield "links", request_of(*[field(13, field(1, b"t" * 16) + field(2, b"s" * 8)) * 9000] * 100)
    numbers = iter(range(10**9))
    many = [b"".join(field(9, field(1, b"%x" % next(numbers))) for _ in range(9000)) for _ in range(300)]
    yield "names", request_of(*many)


def metric_bombs() -> Iterator[tuple[str, bytes]]:
    size = 2 * MIB - 100
    yield "metrics: resources", b"\n\0" * size
    scope = field(1, field(1, b"outworx_otel"))
    name = field(1, b"outworx.webhook.deliveries")
    yield "metrics: points", field(1, field(2, scope + field(2, name + field(7, b"\x0a\0" * size))))
    yield (
        "metrics: attributes",
        field(1, field(2, scope + field(2, name + field(7, field(1, b"\x3a\0" * size))))),
    )


def json_bombs() -> Iterator[tuple[str, bytes]]:
    empties = b"{}," * (8 * MIB // 3 - 100) + b"{}"
    yield "JSON: resources", b'{"resourceSpans":[%s]}' % empties
    yield "JSON: unknown", b'{"x":[%s]}' % empties
    yield "JSON: lists", b'{"x":[%s[]]}' % (b"[]," * (8 * MIB // 3 - 100))
    if not FULL:
        return
    part = b"{}," * 280_000 + b"{}"
    attributes = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[%s]}]}]}]}'
    yield "JSON: attributes", attributes % part
    yield "JSON: attributes and a bad value", attributes % (part + b",5")
    yield (
        "JSON: nested and a bad value",
        attributes
        % (b'{"key":"x","value":' + b'{"arrayValue":{"values":[' * 30 + part + b"]}}" * 30 + b"}, 5"),
    )


def event_bombs() -> Iterator[tuple[str, bytes]]:
    yield "events of the batch", b'{"events":[%s{}]}' % (b"{}," * (10 * MIB))
    yield "numbers in the batch", b'{"events":[%s1]}' % (b"1," * (15 * MIB))
    yield "texts in the batch", b'{"events":[%s""]}' % (b'"",' * (10 * MIB))
    yield "half a pair, and numbers", b'{"events":["\\ud800",%s1]}' % (b"1," * (15 * MIB))
    yield "a text that does not end", b'{"events":["' + b'\\"' * (15 * MIB)


def kinds() -> Iterator[tuple[Callable[[bytes], Any], Iterator[tuple[str, bytes]]]]:
    yield lambda body: sort(body), trace_bombs()
    yield lambda body: sorted_spans(body, otlp_format.JSON), json_bombs()
    yield _metrics, metric_bombs()
    yield deliveries_of, event_bombs()
    lists = b'{"key":"x","response_status_code":200,"response_body":[%s[]]}' % (b"[]," * (2 * MIB // 3 - 100))
    decoder = msgspec.json.Decoder(idempotency_calls.CompleteCall)
    yield lambda body: idempotency_calls.asked(body, decoder), iter([("an answer", lists)])


def _metrics(body: bytes) -> Any:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    decoded = otlp_format.decode(body, otlp_format.PROTOBUF, ExportMetricsServiceRequest())
    return DeliveryCounter().read(decoded)


def memory(which: str) -> float:
    """MiB: `VmRSS`, what is held now, or `VmHWM`, the most since `forget_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(which + ":")[2].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    for work, bombs in kinds():
        for name, body in bombs:
            forget_peak()
            before, began, end = memory("VmRSS"), time.process_time(), "taken"
            try:
                work(body)
            except HTTPException as error:
                end = str(error.status_code)
            except (loose_json.TooManyParts, TooManyValues):
                end = "413"
            except ValueError:
                end = "400"
            taken, seconds = memory("VmHWM") - before, time.process_time() - began
            print(json.dumps([name, end, round(taken), round(seconds, 2)]), flush=True)


if __name__ == "__main__":
    main()
