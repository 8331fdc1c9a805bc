"""The table of claims, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

# A fixture, which pytest finds here by its name.
from idempotency.conftest import postgres_server  # noqa: F401
from sqlalchemy import create_engine

from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer
from outworx_otel.server.store import StoreUnavailable
from outworx_otel.server.store.claims import Claims

ANSWER = StoredAnswer(201, (("etag", '"ü"'),), b"\x00\xff", "f" * 64)


@pytest.fixture(params=["sqlite", "postgresql"])
def claims(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Claims]:
    url = f"sqlite:///{tmp_path / 'claims.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_server").url
    opened = Claims(create_engine(url))
    yield opened
    opened.release("key", "first")
    opened.close()


def test_a_key_is_claimed_held_and_completed(claims: Claims) -> None:
    assert claims.claim("done", "first", 30) == Claimed("first")
    assert isinstance(claims.claim("done", "second", 30), InProgress)
    assert claims.holder("done") == "first"
    assert claims.renew("done", "first", 30)
    assert claims.complete("done", "first", ANSWER, 60)
    assert claims.claim("done", "second", 30) == Completed(ANSWER)
    assert claims.holder("done") is None


def test_of_many_threads_one_wins(claims: Claims) -> None:
    won: list[object] = []

    def compete(number: int) -> None:
        won.append(claims.claim("key", "first" if number == 0 else f"t{number}", 30))

    threads = [threading.Thread(target=compete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    holder = claims.holder("key")
    assert [outcome for outcome in won if isinstance(outcome, Claimed)] == [Claimed(str(holder))]
    claims.release("key", str(holder))


def test_a_database_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database, and long enough to be taken for a damaged one" * 20)
    claims = Claims(create_engine(f"sqlite:///{broken}"))
    with pytest.raises(StoreUnavailable, match="no SQLite database: give another path"):
        claims.claim("key", "first", 30)
