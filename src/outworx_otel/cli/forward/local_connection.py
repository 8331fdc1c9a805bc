"""One request and its answer over a connection of their own, both directions at once.

Clients of HTTP mostly write the whole request before they read, and lose the answer of a server that answers early:
it refuses a large body, and closes. A connection that is kept from one request to the next fails where the server
closes it at that moment (gunicorn after 2 s), and nobody can tell whether the request was read. A new one to a server
on this machine costs little.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Final, Protocol

import h11

# How long a server that has answered with success may take the rest of the request.
LINGER_SECONDS: Final = 2.0
_PIECE: Final = 64 * 1024
_MAX_HEAD: Final = 100 * 1024


class NotReached(Exception):
    """No connection to the server.

    Args:
        message: what the system says.
        too_late: it took too long, rather than being refused.
    """

    def __init__(self, message: str, *, too_late: bool = False) -> None:
        super().__init__(message)
        self.too_late = too_late


class BrokeOff(Exception):
    """The server's answer is none, or not whole."""


class TooLong(Exception):
    """The answer's body is longer than it may be."""


@dataclass(frozen=True)
class Answer:
    """The final answer: interim ones (1xx) are skipped."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Wire(Protocol):
    """A connection; sending and receiving may happen at the same time."""

    async def send(self, data: bytes) -> None: ...
    async def receive(self) -> bytes: ...


async def connect(host: str, port: int, seconds: float) -> socket.socket:
    """Connects to the first of the host's addresses that answers.

    Raises:
        NotReached: none does, in `seconds`.
    """
    loop = asyncio.get_running_loop()

    async def first() -> socket.socket:
        refused: OSError | None = None
        for family, kind, proto, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connection = socket.socket(family, kind, proto)
            connection.setblocking(False)
            try:
                await loop.sock_connect(connection, address)
            except OSError as error:
                connection.close()
                refused = error
            except BaseException:
                connection.close()
                raise
            else:
                with contextlib.suppress(OSError):
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
        raise refused or OSError("it has no address")

    try:
        return await asyncio.wait_for(first(), seconds)
    except (asyncio.TimeoutError, TimeoutError):
        raise NotReached("no connection in time", too_late=True) from None
    except (OSError, UnicodeError) as error:
        raise NotReached(str(error)) from error


class Plain:
    """TCP. Not a transport of asyncio's: that throws away what has come when it cannot send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._connection, data)

    async def receive(self) -> bytes:
        return await self._loop.sock_recv(self._connection, _PIECE)


class Encrypted:
    """TLS over a `Plain`.

    Args:
        plain: connected.
        context: how the certificate is checked.
        host: whose certificate it must be.
    """

    def __init__(self, plain: Plain, context: ssl.SSLContext, host: str) -> None:
        self._plain = plain
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._flushing = asyncio.Lock()

    @classmethod
    async def over(cls, connection: socket.socket, context: ssl.SSLContext, host: str) -> Encrypted:
        """Shakes hands over a new connection.

        Raises:
            ssl.SSLError: the certificate is not trusted, or this is no TLS.
            OSError: the connection was closed.
        """
        self = cls(Plain(connection), context, host)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self._flush()
                if not await self._fill():
                    raise ConnectionError("it closed the connection during TLS's handshake") from None
        await self._flush()
        return self

    async def send(self, data: bytes) -> None:
        for begin in range(0, len(data), _PIECE):
            self._tls.write(data[begin : begin + _PIECE])
            await self._flush()

    async def receive(self) -> bytes:
        while True:
            try:
                return self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                if not await self._fill():
                    return b""
            except ssl.SSLZeroReturnError:
                return b""

    async def _fill(self) -> bool:
        data = await self._plain.receive()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return bool(data)

    async def _flush(self) -> None:
        # The order of TLS's records is that of the bytes.
        async with self._flushing:
            data = self._outgoing.read()
            if data:
                await self._plain.send(data)


async def exchange(wire: Wire, head: h11.Request, body: bytes, most: int) -> Answer:
    """Sends a request and returns its answer, which may come before the request is all sent.

    A server that answers early and reads on gets the rest; once the answer is whole, what is left is not sent.

    Args:
        wire: a new connection.
        head: the request, with the length of its body.
        body: exact bytes.
        most: bytes of the answer's body.

    Raises:
        BrokeOff: there is no whole answer.
        TooLong: there is more of it than `most`.
    """
    state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
    try:
        sent = state.send(head) or b""
        rest = state.send(h11.Data(data=body)) if body else b""
        end = state.send(h11.EndOfMessage())
    except h11.LocalProtocolError as error:
        raise ValueError(f"cannot be asked for this: {error}") from error

    sending = asyncio.ensure_future(_send(wire, b"".join((sent, rest or b"", end or b""))))
    try:
        answer = await _receive(wire, state, most)
        if answer.status < 400:
            # It wants the rest: it may read on although it has answered.
            await asyncio.wait({sending}, timeout=LINGER_SECONDS)
        return answer
    except h11.RemoteProtocolError as error:
        raise BrokeOff(str(error)) from error
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


async def _send(wire: Wire, data: bytes) -> None:
    # A server that does not take it all may have answered: the answer tells, or its absence.
    with contextlib.suppress(OSError):
        await wire.send(data)


async def _receive(wire: Wire, state: h11.Connection, most: int) -> Answer:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = state.next_event()
        if event is h11.NEED_DATA:
            try:
                data = await wire.receive()
            except OSError as error:
                raise BrokeOff(str(error) or type(error).__name__) from error
            if not data and head is None:
                raise BrokeOff("it closed the connection without an answer")
            state.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most:
                raise TooLong
        elif event is h11.PAUSED or isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    if head is None:
        raise BrokeOff("it closed the connection without an answer")
    return Answer(head.status_code, tuple(head.headers.raw_items()), bytes(body))
