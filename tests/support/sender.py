"""The provider's side: deliveries, truly signed, posted over a socket."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx

from outworx_otel.signatures import sign

SECRET: Final = "whsec_e2e_c2VjcmV0"  # noqa: S105
SENDERS: Final = 8
# Nothing here speaks TLS; httpx would load all certificates for each client all the same.
NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def signed(body: bytes, headers: Mapping[str, str] | None = None, key: str = SECRET) -> dict[str, str]:
    """The headers that GitHub would send with this body."""
    given = {"content-type": "application/json", "x-github-event": "push", **(headers or {})}
    return given | sign("github", body, key)


def post(
    url: str,
    body: bytes = b'{"ref":"main"}',
    headers: Mapping[str, str] | None = None,
    key: str = SECRET,
) -> httpx.Response:
    """One delivery, signed with `key`, on a connection of its own."""
    return httpx.post(
        url, content=body, headers=signed(body, headers, key), timeout=20, verify=NO_CERTIFICATES
    )


def deliver(url: str, count: int, *, keep_alive: bool = True) -> Counter[int]:
    """Posts `count` deliveries from several threads; how many each server process answered, by its id.

    Each delivery differs, and each must be answered by 200. Without `keep_alive`, each has its own connection.
    """
    limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)

    def send(numbers: range) -> list[int]:
        with httpx.Client(timeout=20, verify=NO_CERTIFICATES, limits=limits) as client:
            answered = []
            for number in numbers:
                body = json.dumps({"delivery": number}).encode()
                answer = client.post(url, content=body, headers=signed(body))
                assert answer.status_code == 200, answer.text
                answered.append(int(answer.json()["pid"]))
            return answered

    shares = [range(first, count, SENDERS) for first in range(min(SENDERS, count))]
    with ThreadPoolExecutor(SENDERS) as pool:
        return Counter(pid for answered in pool.map(send, shares) for pid in answered)


def deliver_to_every_worker(url: str, count: int, workers: int) -> int:
    """The same until each of the server's workers has answered some; how many were sent in all."""
    answered = deliver(url, count)
    for _ in range(50):
        if len(answered) >= workers:
            break
        answered += deliver(url, SENDERS)
    assert len(answered) == workers, answered
    return answered.total()
