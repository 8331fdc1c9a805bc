"""Deliveries over a socket, a key each, and answers as they came: nothing decoded, nothing followed."""

from __future__ import annotations

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from support.process import wait_until
from support.sender import SECRET, signed


@dataclass(frozen=True)
class Answer:
    """What came back, and how long it took in seconds."""

    status: int
    headers: dict[str, str]
    body: bytes
    took: float

    @property
    def is_replay(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"

    @property
    def run(self) -> str:
        """Which run of the handler made it."""
        return str(json.loads(self.body)["run"])

    @property
    def pid(self) -> int:
        return int(json.loads(self.body)["pid"])


def deliver(url: str, key: str, *, secret: str = SECRET, **plan: Any) -> Answer:
    """One delivery on a connection of its own, with GitHub's header for the key and `plan` as its body."""
    parts = urlsplit(url)
    body = json.dumps(plan).encode()
    headers = signed(body, {"x-github-delivery": key, "accept-encoding": "identity"}, secret)
    begun = time.monotonic()
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, named, content, time.monotonic() - begun)


class Duplicates:
    """Sends deliveries several times at the same moment, each from a thread of its own."""

    def __init__(self, url: str, count: int) -> None:
        self._url = url
        self._count = count
        self._pool = ThreadPoolExecutor(count)

    def deliver(self, key: str, **plan: Any) -> list[Answer]:
        """All answers to `count` duplicates."""
        together = threading.Barrier(self._count)

        def one(_number: int) -> Answer:
            together.wait(20)
            return deliver(self._url, key, **plan)

        return list(self._pool.map(one, range(self._count)))

    def __enter__(self) -> Duplicates:
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()


def until_not_in_flight(url: str, key: str, **plan: Any) -> Answer:
    """Comes again, as a provider would, until the answer is no 409."""
    answers: list[Answer] = []

    def is_decided() -> bool:
        answers.append(deliver(url, key, **plan))
        return answers[-1].status != 409

    wait_until(is_decided, lambda: f"{key} is still in flight")
    return answers[-1]


def get(url: str) -> Any:
    """JSON that a site says of itself."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    try:
        connection.request("GET", parts.path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
