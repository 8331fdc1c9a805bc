"""Many processes at once: exactly one claim of every key wins, from the very first use of an empty database on."""

# ruff: noqa: S603 - our own program texts

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.databases import RedisServer

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer, open_store

from .conftest import SHARED
from .scale import FULL, SCALE

PROCESSES = 8 if FULL else 4
KEYS = 40 * SCALE
DUPLICATES = 5

# A claimer says when it is ready, waits for a line, and prints each key it won and how often it had to ask again.
CLAIMER = """
import asyncio, json, sys, uuid
from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, Completed, StoredAnswer, open_store

url, keys, duplicates = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store = open_store(url)
won, answers, repeated = [], [], 0
answer = StoredAnswer(200, (), b"done", "f")

async def asked(operation, *arguments):
    global repeated
    for _ in range(200):
        try:
            return await operation(*arguments)
        except StoreError:
            repeated += 1
            await asyncio.sleep(0.05)
    raise SystemExit("the store never answered")

async def deliver(number):
    token = uuid.uuid4().hex
    claim = await asked(store.aclaim, f"key {number}", token, 30.0)
    if isinstance(claim, Claimed):
        won.append(number)
        await asyncio.sleep(0.001)
        assert await asked(store.acomplete, f"key {number}", token, answer, 60.0)
    elif isinstance(claim, Completed):
        assert claim.answer == answer

async def main():
    for number in range(keys):
        await asyncio.gather(*(deliver(number) for _ in range(duplicates)))

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main())
print(json.dumps({"won": won, "repeated": repeated}))
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    source = Path(__file__).parents[2] / "src"
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(source)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("backend", SHARED)
def test_of_many_processes_one_wins_each_key(backend: str, url_of: Callable[[str], str]) -> None:
    url = url_of(backend)
    processes = [start(CLAIMER, url, KEYS, DUPLICATES) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    wins = Counter(number for one in said for number in one["won"])
    assert wins == Counter(range(KEYS))
    asked = PROCESSES * KEYS * DUPLICATES
    # A shared two-core machine may be slow now and then; a store that starves claims would be far above this.
    assert sum(one["repeated"] for one in said) < asked / 10


HOLDER = """
import sys, time
from outworx_otel.idempotency import open_store
store = open_store(sys.argv[1], budget=10)
print(store.claim("key", "holder", float(sys.argv[2])), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("backend", SHARED)
def test_after_a_kill_the_key_is_free_at_the_lease_end_and_the_dead_one_is_fenced(
    backend: str, url_of: Callable[[str], str], answer: StoredAnswer
) -> None:
    url = url_of(backend)
    store = open_store(url, budget=10)
    holder = start(HOLDER, url, 0.6)
    assert holder.stdout is not None
    assert "Claimed" in holder.stdout.readline()
    assert isinstance(store.claim("key", "retry", 30), InProgress)
    holder.kill()
    holder.communicate()
    time.sleep(0.7)
    assert store.claim("key", "retry", 30) == Claimed("retry")
    assert not store.complete("key", "holder", answer, 60)
    assert store.complete("key", "retry", answer, 60)
    assert store.claim("key", "third", 30) == Completed(answer)
    store.close()


@pytest.mark.parametrize("backend", [*SHARED, "cluster"])
def test_after_a_fork_parent_and_child_have_connections_of_their_own(
    backend: str, open_on: Callable[..., Any]
) -> None:
    store = open_on(backend)
    key = secrets.token_hex()
    assert store.claim(key, "parent", 30) == Claimed("parent")
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            seen = [isinstance(store.claim(key, f"child{number}", 30), InProgress) for number in range(50)]
            awaited = asyncio.run(store.aclaim(f"{key} child", "child", 30))
            code = 0 if all(seen) and awaited == Claimed("child") else 2
        finally:
            os._exit(code)
    for number in range(50):
        assert isinstance(store.claim(key, f"parent{number}", 30), InProgress)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert isinstance(store.claim(f"{key} child", "parent", 30), InProgress)
    assert store.release(key, "parent")


EXITING = """
import sys, time
from outworx_otel.errors import StoreError
from outworx_otel.idempotency import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    store.claim("key", "token", 30)
except StoreError as error:
    print("refused")
"""


def test_a_hung_server_does_not_hold_up_the_exit_of_a_process(
    url_of: Callable[[str], str], redis_server: RedisServer
) -> None:
    process = start(EXITING, url_of("redis"))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    redis_server.hang()
    try:
        began = time.monotonic()
        said, _ = process.communicate("go\n", timeout=30)
        spent = time.monotonic() - began
    finally:
        redis_server.resume()
    assert said == "refused\n"
    assert process.returncode == 0
    assert spent < 3


def test_a_claim_that_fails_is_a_store_error_and_nothing_else(url_of: Callable[[str], str]) -> None:
    store = open_store("redis://127.0.0.1:1/0")
    with pytest.raises(StoreError):
        store.claim("key", "token", 30)
    store.close()
