"""Decoding is bounded by what it would allocate, not by what arrived."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from support.exports import span, traces

from outworx_otel.server.ingest.loose_json import TooManyParts, check_parts
from outworx_otel.server.ingest.otlp_parts import has_more_fields
from outworx_otel.server.ingest.span_sorting import sort

MOST_MIB = 200
"""What the largest batch of real spans takes; without the bounds these take from 140 MiB to some GiB."""


def test_no_request_takes_much_more_memory_than_it_has_bytes() -> None:
    program = [sys.executable, "-m", "server.ingest.bombs"]
    ran = subprocess.run(program, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)  # noqa: S603
    took = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(took) >= 17
    assert {name: mib for name, _, mib, _ in took if mib > MOST_MIB} == {}
    # What is only an attribute costs itself; the rest is refused before it is decoded.
    ends = {name: end for name, end, *_ in took}
    assert {name for name, end in ends.items() if end == "taken"} >= {"empty values in a list"}
    assert set(ends.values()) <= {"taken", "413", "400"}


def test_counting_ends_with_the_bound() -> None:
    """However long the request: work, not time, is what is looked at."""

    class Watched(bytes):
        reads = 0

        def __getitem__(self, at: object) -> object:
            Watched.reads += 1
            return super().__getitem__(at)  # type: ignore[index]

    many = Watched(b"\n\0" * 1_000_000)
    assert has_more_fields(many, FileDescriptorProto.DESCRIPTOR, 1000)
    assert Watched.reads < 5000


def test_fields_are_counted_as_the_decoder_finds_them() -> None:
    request = traces([span(), span()])
    body, kind = request.SerializeToString(), type(request).DESCRIPTOR
    fields = next(most for most in range(10_000) if not has_more_fields(body, kind, most))
    assert 2 * 25 < fields <= len(body) // 2


def test_the_largest_batches_of_real_spans_are_taken() -> None:
    one = span().SerializeToString()
    made = traces([span() for _ in range(50)])
    scope = made.resource_spans[0].scope_spans[0]
    del scope.spans[:]
    scope.spans.extend(span() for _ in range(5000))
    assert len(one) * 5000 > 1_000_000
    found = sort(made.SerializeToString())
    assert (len(found.batch.deliveries), found.rejected.total()) == (5000, 0)


def test_signs_inside_texts_are_no_parts_of_json() -> None:
    body = json.dumps({"events": [{"request_body": json.dumps([{}, {}, [1, 2, 3]] * 1000)}]}).encode()
    check_parts(body, 10)
    try:
        check_parts(b'["\\"",{},{},{},{},{},{}]', 10)
    except TooManyParts:
        return
    raise AssertionError("six objects and a list with seven items are more than ten parts")
