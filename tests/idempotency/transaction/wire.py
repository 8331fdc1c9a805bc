"""A proxy before a database: it counts the statements that come by, and at a chosen one something happens."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_HOST: Final = "127.0.0.1"


@dataclass(frozen=True)
class Fault:
    """What happens at one statement.

    Args:
        number: of the statement, from 1 on.
        answered: whether the database has answered it, which nobody hears, or has not even got it.
        does: is called with the wire it came over; the connection is closed afterwards.
    """

    number: int
    answered: bool
    does: Callable[[Wire], object]


class Watch:
    """Counts the statements of all its wires together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = threading.Condition(self._lock)
        self._links: set[_Link] = set()
        self._is_cut = False
        self.begin()

    def begin(self, fault: Fault | None = None) -> None:
        """Counts from 1 again."""
        with self._lock:
            self.statements: list[str] = []
            self.happened = False
            self.over = threading.Event()
            self.done: list[str] = []
            self._fault = fault
            self._is_cut = False

    def cut(self) -> None:
        """Closes every connection, and each new one, until it begins again: all that a database sees of a kill."""
        with self._lock:
            self._is_cut = True
            links = list(self._links)
        for link in links:
            link.close()

    def add(self, link: _Link) -> None:
        with self._lock:
            self._links.add(link)
            is_cut = self._is_cut
        if is_cut:
            link.close()

    def remove(self, link: _Link) -> None:
        with self._lock:
            self._links.discard(link)

    def wait_for(self, is_said: Callable[[list[str]], bool]) -> None:
        """Until something is said, but not for long: what keeps an answer may give up where the machine is busy."""
        with self._lock:
            self._said.wait_for(lambda: is_said(self.statements), 1.0)

    def wait(self) -> None:
        """Until what happened is over."""
        if self.happened:
            assert self.over.wait(60)

    def count(self, statement: str) -> Fault | None:
        """Hears of a statement; what is to happen at it."""
        with self._lock:
            self.statements.append(statement)
            self._said.notify_all()
            fault = self._fault
            if fault is None or len(self.statements) != fault.number:
                self.done.append(statement)
                return None
            if fault.answered:
                self.done.append(statement)
            self.happened = True
            return fault


class Protocol(ABC):
    """What one connection says, as far as statements go."""

    def __init__(self) -> None:
        self._sent = b""
        self._heard = b""

    def sent(self, data: bytes) -> Iterator[tuple[bytes, str | None]]:
        """What the client sends, cut where it waits for an answer, with the statement if it is one."""
        self._sent += data
        part = b""
        while (size := self._size(self._sent)) is not None:
            message, self._sent = self._sent[:size], self._sent[size:]
            part += message
            if self._ends(message):
                yield part, self._statement(message)
                part = b""
        if part:
            self._sent = part + self._sent

    @abstractmethod
    def _size(self, data: bytes) -> int | None:
        """Of the first message, once it is there."""

    @abstractmethod
    def _ends(self, message: bytes) -> bool:
        """Whether the client waits for an answer after it."""

    @abstractmethod
    def _statement(self, message: bytes) -> str | None:
        """The one that is complete with this message, its last."""

    @abstractmethod
    def is_answered(self, data: bytes) -> bool:
        """Whether the server has answered, with this, the statement that is held."""


class PostgreSQLProtocol(Protocol):
    """Version 3: https://www.postgresql.org/docs/current/protocol-message-formats.html. Without TLS."""

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._names: dict[bytes, str] = {}
        self._text: str | None = None

    def _size(self, data: bytes) -> int | None:
        begin = 1 if self._started else 0
        return _whole(data, begin + int.from_bytes(data[begin : begin + 4], "big"), begin + 4)

    def _ends(self, message: bytes) -> bool:
        if not self._started:
            self._started = True
            return True
        kind, said = message[:1], message[5:]
        if kind == b"Q":
            self._text = said.rstrip(b"\0").decode().rstrip(";")
        elif kind == b"P":
            name, text, _ = said.split(b"\0", 2)
            self._text = self._names[name] = text.decode()
        elif kind == b"B":
            self._text = self._names.get(said.split(b"\0", 2)[1], self._text)
        return kind not in b"PBDEC"

    def _statement(self, message: bytes) -> str | None:
        if message[:1] not in (b"Q", b"S"):
            return None
        text, self._text = self._text, None
        return text

    def is_answered(self, data: bytes) -> bool:
        self._heard += data
        while (size := _whole(self._heard, 1 + int.from_bytes(self._heard[1:5], "big"), 5)) is not None:
            kind, self._heard = self._heard[:1], self._heard[size:]
            if kind == b"Z":
                return True
        return False


class MariaDBProtocol(Protocol):
    """https://mariadb.com/docs/server/reference/clientserver-protocol. Without TLS."""

    _QUERY: Final = b"\x03"

    def __init__(self) -> None:
        super().__init__()
        self._text: str | None = None

    def _size(self, data: bytes) -> int | None:
        return _whole(data, 4 + int.from_bytes(data[:3], "little"), 4)

    def _ends(self, message: bytes) -> bool:
        # The first of a command has the number 0; before, it is the handshake.
        is_query = message[3] == 0 and message[4:5] == self._QUERY
        self._text = message[5:].decode(errors="replace") if is_query else None
        return True

    def _statement(self, message: bytes) -> str | None:
        return self._text

    def is_answered(self, data: bytes) -> bool:
        return True


class Wire:
    """Listens for the connections of one client, and leads them to a server.

    Args:
        port: of the server.
        protocol: what is spoken there.
        watch: hears of statements.
    """

    def __init__(self, port: int, protocol: type[Protocol], watch: Watch) -> None:
        self._server = port
        self.protocol = protocol
        self.watch = watch
        self._listener = socket.create_server((_HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True, name="wire").start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection((_HOST, self._server))
                except OSError:
                    client.close()
                else:
                    _Link(client, server, self)

    def close(self) -> None:
        """Listens no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class _Link:
    """One connection."""

    def __init__(self, client: socket.socket, server: socket.socket, wire: Wire) -> None:
        self._client, self._server = client, server
        self._wire = wire
        self._protocol = wire.protocol()
        self._watch = watch = wire.watch
        self._held: Fault | None = None
        self._breaking = threading.Lock()
        self._is_broken = False
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch.add(self)
        for pump in (self._up, self._down):
            threading.Thread(target=self._run, args=(pump,), daemon=True, name="wire").start()

    def close(self) -> None:
        """The pumps end, and free the sockets."""
        for one in (self._client, self._server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _run(self, pump: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):
            pump()
        # Of a session that had been ended there is no answer to come.
        self._break(self._held)
        self.close()
        self._watch.remove(self)

    def _up(self) -> None:
        while data := self._client.recv(65536):
            for part, statement in self._protocol.sent(data):
                fault = None if statement is None else self._watch.count(statement)
                if fault is not None and not fault.answered:
                    self._break(fault)
                    return
                self._held = fault
                self._server.sendall(part)

    def _down(self) -> None:
        while data := self._server.recv(65536):
            if self._held is None:
                self._client.sendall(data)
            elif self._protocol.is_answered(data):
                return

    def _break(self, fault: Fault | None) -> None:
        with self._breaking:
            if fault is None or self._is_broken:
                return
            self._is_broken = True
            over = self._watch.over
            try:
                fault.does(self._wire)
            finally:
                over.set()


def _whole(data: bytes, size: int, at_least: int) -> int | None:
    return size if len(data) >= at_least and len(data) >= size else None
