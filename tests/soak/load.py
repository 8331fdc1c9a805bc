"""Deliveries of every kind, sent one after the other by a few threads, and how long each took."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from support.sender import signed

_SENDERS: Final = 3
_PAUSE: Final = 0.01
_HOOK: Final = "/webhooks/github"
# In this order, over and over. Half are new and well; the others take each of the other ways through us.
_KINDS: Final = (
    *("well", "well", "again", "well", "forged", "well", "fails", "well"),
    *("raises", "well", "forgets", "well", "unrouted", "well", "hangs up", "well"),
)


class Load:
    """Runs from `start` to `stop`.

    Args:
        application: the port of the application.
        server: the port of `outworx serve`, whose list is read meanwhile.
        control: the port of an application that nobody watches: how busy the machine is.
    """

    def __init__(self, application: int, server: int, control: int) -> None:
        self._ports = {"application": application, "server": server, "control": control}
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._took: dict[str, list[float]] = {name: [] for name in self._ports}
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(_SENDERS)]
        self._threads.append(threading.Thread(target=self._look, daemon=True))
        self.sent = 0
        self.failures: list[str] = []

    def start(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def latencies(self) -> dict[str, float]:
        """The quickest since the last look, in seconds: it is what others on the machine disturb least.

        0 where nothing was answered.
        """
        found = {}
        for name, took in self._took.items():
            taken, took[:] = list(took), []
            found[name] = min(taken, default=0.0)
        return found

    def _send(self) -> None:
        with _connections() as connect:
            while not self._over.wait(_PAUSE):
                number = next(self._numbers)
                kind = _KINDS[number % len(_KINDS)]
                try:
                    self._deliver(connect, number, kind)
                    self.sent += 1
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"{kind}: {error!r}")

    def _deliver(self, connect: Callable[[int], http.client.HTTPConnection], number: int, kind: str) -> None:
        port = self._ports["application"]
        same = number - number % len(_KINDS) if kind == "again" else number
        does = "well" if kind == "again" else kind
        body = json.dumps({"does": does, "number": same, "padding": "x" * 500}).encode()
        headers = signed(
            body, {"x-github-delivery": str(same)}, **({"key": "another"} if kind == "forged" else {})
        )
        if kind == "hangs up":
            with socket.create_connection(("127.0.0.1", port), 10) as connection:
                connection.sendall(
                    f"POST {_HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{{".encode()
                )
            return
        path = "/webhooks/gitub" if kind == "unrouted" else _HOOK
        took = _call(connect(port), "POST", path, body, headers)
        if kind == "well":
            self._took["application"].append(took)
            self._took["control"].append(
                _call(connect(self._ports["control"]), "POST", "/plain", body, headers)
            )

    def _look(self) -> None:
        with _connections() as connect:
            while not self._over.wait(0.05):
                try:
                    took = _call(connect(self._ports["server"]), "GET", "/api/deliveries?limit=20")
                    self._took["server"].append(took)
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(f"the server's list: {error!r}")


@contextlib.contextmanager
def _connections() -> Iterator[Callable[[int], http.client.HTTPConnection]]:
    """One kept connection per port."""
    made: dict[int, http.client.HTTPConnection] = {}
    try:
        yield lambda port: made.setdefault(port, http.client.HTTPConnection("127.0.0.1", port, timeout=30))
    finally:
        for connection in made.values():
            connection.close()


def _call(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> float:
    begun = time.perf_counter()
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        raise
    if answer.status >= 500:
        # uvicorn closes the connection on which the application raised, and does not say so.
        connection.close()
    if answer.status >= 400 and method == "GET":
        raise http.client.HTTPException(f"{path} was answered {answer.status}")
    return time.perf_counter() - begun
