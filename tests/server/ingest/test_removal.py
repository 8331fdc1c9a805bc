"""What a person asks to have removed is nowhere left: looked for in the files themselves, and in every table."""

from __future__ import annotations

import hashlib
import json
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sqlalchemy import create_engine, select
from support.commands import invoked
from support.databases import PostgresServer
from support.exports import PROTOBUF, WEBHOOK, span, traces

from outworx_otel.idempotency import hashed_key
from outworx_otel.server.store.packing import pack, unpacked
from outworx_otel.server.store.schema import metadata
from outworx_otel.telemetry import semconv

from .serving import Serving

# It stands in whatever of a delivery a person's data can stand in.
PLANTED = "jane.doe.1970@example.com"
EVENT = f"evt_{PLANTED}"
TRACE = b"trace of a shop!"
KEY = hashed_key("an endpoint", EVENT)


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def planted(trace: bytes = TRACE, **attributes: Any) -> Span:
    of_it = {
        **WEBHOOK,
        semconv.EVENT_ID: EVENT,
        semconv.EVENT_TYPE: f"signed.up.{PLANTED}",
        semconv.URL_PATH: f"/webhooks/{PLANTED}",
        semconv.REQUEST_BODY: json.dumps({"email": PLANTED}),
        semconv.RESPONSE_BODY: PLANTED,
        f"{semconv.METADATA_PREFIX}who": PLANTED,
        semconv.IDEMPOTENCY_KEY: KEY,
        semconv.IDEMPOTENCY_OUTCOME: "executed",
        semconv.SIGNATURE_VALID: True,
        semconv.OUTCOME: "accepted",
    }
    return span(attributes={**of_it, **attributes}, trace=trace, span_id=b"delivery")


def fill(server: Serving) -> str:
    """A delivery with all that may be kept of one, in the middle of two hundred others; its id."""
    chance = random.Random(7)  # noqa: S311  # to be the same each time
    others = [
        span(attributes={**WEBHOOK, semconv.EVENT_ID: f"evt_{n}", "noise": chance.randbytes(99).hex()})
        for n in range(200)
    ]
    inner = span("SELECT", {"db.statement": f"SELECT '{PLANTED}'"}, trace=TRACE)
    work = span(
        "process",
        {"who": PLANTED},
        trace=b"trace of a queue",
        links=[Span.Link(trace_id=TRACE, span_id=b"delivery")],
    )
    for some, scope in (
        (others[:100], semconv.SCOPE),
        ([planted(), work], semconv.SCOPE),
        ([inner], "sql"),
        (others[100:], semconv.SCOPE),
    ):
        server.post("/v1/traces", traces(some, scope=scope).SerializeToString(), PROTOBUF)
    for n in range(50):
        claim(server, f"another-{n}", "nothing")
    claim(server, KEY, PLANTED)
    claim(server, EVENT, PLANTED)  # as the older SDK does
    return (TRACE[8:] + b"delivery").hex()


def claim(server: Serving, key: str, answer: str) -> None:
    for name, more in (("check", {}), ("complete", {"response_status_code": 200, "response_body": answer})):
        call = json.dumps({"key": key, **more}).encode()
        assert server.post(f"/api/sdk/idempotency/{name}", call).status_code == 200


def listed(server: Serving) -> list[Any]:
    return list(server.client.get("/api/deliveries?limit=500").json()["deliveries"])


def status_of(server: Serving, key: str) -> str:
    body = json.dumps({"key": key}).encode()
    return str(server.post("/api/sdk/idempotency/check", body).json()["status"])


def found_in_files(folder: Path, *texts: bytes) -> list[str]:
    """Which files hold which of the texts, whatever they are for."""
    return [
        f"{file.name}: {text!r}"
        for file in sorted(folder.iterdir())
        for text in texts
        if text in file.read_bytes()
    ]


def found_in_tables(url: str) -> list[str]:
    """Which tables hold the planted text, or the packed form of what held it."""
    engine = create_engine(url)
    with engine.connect() as connection:
        return [
            f"{table.name}: {row!r:.200}"
            for table in metadata.sorted_tables
            for row in connection.execute(select(table)).all()
            if any(PLANTED in str(value) or PLANTED.encode() in _unpacked(value) for value in row)
        ]


def _unpacked(value: Any) -> bytes:
    if not isinstance(value, bytes):
        return b""
    try:
        return value + unpacked(value)
    except (zlib.error, zstandard.ZstdError):
        return value


@pytest.fixture(params=["sqlite", "postgresql"])
def somewhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deliveries.db'}"
    return str(request.getfixturevalue("postgres").url)


@pytest.mark.parametrize("way", ["by its id", "by its event"])
def test_nothing_is_left_of_it(
    serve: Callable[..., Serving], tmp_path: Path, somewhere: str, way: str
) -> None:
    server = serve(somewhere)
    id = fill(server)
    packed = _details_of(server, id)
    assert found_in_tables(somewhere)
    others = len(listed(server)) - 1
    call = f"/api/deliveries/{id}" if way == "by its id" else f"/api/deliveries?event_id={EVENT}"
    answer = server.client.delete(call)
    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert (done["deliveries"], done["spans"], done["keys"], done["more"]) == (1, 2, 2, False)
    assert found_in_tables(somewhere) == []
    if somewhere.startswith("sqlite"):
        assert done["note"] is None
        assert found_in_files(tmp_path, PLANTED.encode(), *packed) == []
    assert len(listed(server)) == others
    assert (status_of(server, EVENT), status_of(server, "another-7")) == ("new", "duplicate")
    assert server.client.delete(f"/api/deliveries/{id}").status_code == 404


def _details_of(server: Serving, id: str) -> list[bytes]:
    """Slices of the packed forms, in which the text itself cannot be read."""
    delivery = server.app._store.delivery(id)
    assert delivery is not None
    every = [delivery, *server.app._store.spans(TRACE.hex()), *server.app._store.deferred_of(delivery)]
    assert len(every) == 3
    return [pack(one)[20:60] for one in every]


def test_the_search_for_it_finds_it_where_it_is(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """Else the tests above would show nothing."""
    server = serve()
    packed = _details_of(server, fill(server))
    assert len(found_in_files(tmp_path, PLANTED.encode(), *packed)) >= 1 + len(packed)


def test_no_copy_is_left_in_pages_that_are_in_use(serve: Callable[..., Serving], tmp_path: Path) -> None:
    """SQLite overwrites nothing that it is not told to, and leaves copies behind where it moves rows."""
    server = serve()
    for part in range(4):
        some = [planted(hashlib.blake2b(b"%d %d" % (part, n), digest_size=16).digest()) for n in range(40)]
        others = [span(attributes={**WEBHOOK, "noise": "n" * (n * 37 % 900)}) for n in range(40)]
        mixed = [one for pair in zip(some, others, strict=True) for one in pair]
        server.post("/v1/traces", traces(mixed).SerializeToString(), PROTOBUF)
        # Claimed and given back: the row went before anybody asked for it, and its bytes stayed.
        for name in ("check", "release"):
            call = json.dumps({"key": f"key-{part}", "token": f"{PLANTED} {part}"}).encode()
            assert server.post(f"/api/sdk/idempotency/{name}", call).status_code == 200
    assert found_in_files(tmp_path, f"{PLANTED} 0".encode())
    done = server.client.delete(f"/api/deliveries?event_id={EVENT}").json()
    assert (done["deliveries"], done["note"]) == (4 * 40, None)
    assert found_in_files(tmp_path, PLANTED.encode()) == []


def test_spans_that_wait_and_pages_that_wait_forget_it_too(server: Serving) -> None:
    late = span("SELECT", {"db.statement": PLANTED}, trace=TRACE)
    id = fill(server)
    room, live = server.app._room, server.app._live
    with live.listen() as page:
        page.put([server.app._store.delivery(id)])
        server.client.delete(f"/api/deliveries/{id}")
        assert not page._waiting
    server.post("/v1/traces", traces([late], scope="sql").SerializeToString(), PROTOBUF)
    # It waits like the span of any trace without a delivery, and goes.
    assert server.spans(TRACE) == []
    assert list(room._waiting) == [TRACE]
    room.forget([TRACE])
    assert (room.size, list(room._waiting)) == (0, [])


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "event_id: give either event_id or before"),
        ("?event_id=a&before=-1d", "event_id: give either event_id or before"),
        ("?before=yesterday", "before: must be a time"),
        ("?before=-1d&provider=stripe", "provider: goes with event_id"),
        ("?event_id=a&dry_run=yes", "dry_run: must be true or false"),
        ("?event_id=a&dryrun=true", "did you mean 'dry_run'"),
        ("?event_id=a&event_id=b", "is given more than once"),
        ("?event_id=a%00b", "none of them NUL"),
    ],
)
def test_what_is_not_clear_removes_nothing(shared: Serving, query: str, says: str) -> None:
    answer = shared.client.delete(f"/api/deliveries{query}")
    assert answer.status_code == 400
    assert says.lower() in answer.json()["error"].lower()


def purge(server: Serving, *arguments: str) -> tuple[int, str, str]:
    """The command, with nobody there to be asked."""
    done = invoked("purge", "--endpoint", server.url, *arguments)
    return done.code, done.out, done.err


def test_the_command_counts_first_and_removes_what_it_was_told_to(serve: Callable[..., Serving]) -> None:
    server = serve(api_keys=("admin:a-key-to-administer", "ingest:a-key-to-send-with"))
    server.client.headers["authorization"] = "Bearer a-key-to-send-with"
    fill(server)
    admin = ("--api-key", "a-key-to-administer")
    refused = purge(server, "--event-id", EVENT, "--yes", "--api-key", "a-key-to-send-with")
    assert (refused[0], "needs one that may change, replay and delete" in refused[2]) == (1, True)
    unasked = purge(server, "--event-id", EVENT, *admin)
    assert (unasked[0], "add --yes" in unasked[2]) == (2, True)
    counted = purge(server, "--event-id", EVENT, "--dry-run", *admin)
    assert (counted[0], counted[1]) == (0, f"{server.url} would remove 1 delivery. Nothing was removed.\n")
    done = purge(server, "--event-id", EVENT, "--yes", *admin)
    assert (done[0], done[1]) == (0, "Removed 1 delivery, 2 other spans and 2 idempotency records.\n")
    rest = purge(server, "--before", "-0s", "--yes", "--json", *admin)
    assert json.loads(rest[1])["deliveries"] == 200, rest
    assert purge(server, "--before", "-0s", "--dry-run", *admin)[1].startswith(
        f"{server.url} would remove 0 "
    )


def test_a_call_that_takes_long_is_answered_and_asked_again(
    serve: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    from outworx_otel.server.api import removal
    from outworx_otel.server.store import erasure

    monkeypatch.setattr(removal, "SECONDS", 0.0001)
    monkeypatch.setattr(erasure, "AT_ONCE", 50)
    server = serve()
    fill(server)
    first = server.client.delete("/api/deliveries?before=-0s").json()
    assert (first["deliveries"], first["more"], first["note"]) == (50, True, None)
    done = purge(server, "--before", "-0s", "--yes")
    assert "100 of 151 removed" in done[2]
    assert done[1].startswith("Removed 151 deliveries")
