"""Whatever a receiver, or the way to it, does wrong: what may still arrive does, and every loss is counted."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from networks.parts import Listening, Request, Talk, answering, read_request
from opentelemetry.trace import Tracer
from support.receiver import Call, Receiver, Reply, free_port

from outworx_otel.export import OutworxSpanProcessor, report

from .scene import QUICK, deliver

KEY = "ohk_1"
SPANS = 700
Receive = Callable[..., Receiver]
Tracing = Callable[..., Tracer]


def _reset(connection: socket.socket) -> None:
    """Closes so that the other side gets a reset, and not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _reset_after(answer: bytes, read: Callable[[socket.socket], object] = read_request) -> Talk:
    def talk(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(answer)
        _reset(connection)

    return talk


def _not_at_all(connection: socket.socket) -> None:
    """Servers of other protocols speak first."""


def _saying(text: bytes) -> Talk:
    return answering(text, [])


# None of these says that the spans were taken, so each must be sent again.
TROUBLES: dict[str, Talk] = {
    "a reset at once": _reset,
    "a reset in the middle of the request": _reset_after(b"", read=lambda connection: connection.recv(10)),
    "a reset instead of an answer": _reset_after(b""),
    "a reset in the status line": _reset_after(b"HTTP/1.1 2"),
    "a reset in the headers": _reset_after(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "an end instead of an answer": lambda connection: read_request(connection) and None,
    "a mail server": _reset_after(b"220 mail.example ESMTP ready\r\n", read=_not_at_all),
    "an SSH server": _reset_after(b"SSH-2.0-OpenSSH_9.2\r\n", read=_not_at_all),
    "a TLS alert": _saying(b"\x15\x03\x01\x00\x02\x02\x46"),
    "HTTP/0.9": _saying(b"<html>It works!</html>\n"),
    "a status that is none": _saying(b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    "zeros": _saying(bytes(5000)),
    "two lengths": _saying(b"HTTP/1.1 503 No\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a status beyond all": _reset_after(b"HTTP/1.1 599 Why\r\nContent-Length: 0\r\n\r\n"),
    "switching protocols": _saying(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
}


class _Recovering:
    """Talks wrongly to the first two connections, and as a receiver to all that follow."""

    def __init__(self, trouble: Talk) -> None:
        self._trouble, self._left = trouble, 2
        self.seen: list[Request] = []

    def __call__(self, connection: socket.socket) -> None:
        if self._left:
            self._left -= 1
            self._trouble(connection)
        else:
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", self.seen)(connection)


@pytest.fixture
def listen() -> Iterator[Callable[[Talk], Listening]]:
    started: list[Listening] = []

    def start(talk: Talk) -> Listening:
        started.append(Listening(talk))
        return started[-1]

    yield start
    for listening in started:
        listening.stop()


@pytest.mark.parametrize("kind", TROUBLES)
def test_spans_are_kept_through_what_is_no_answer(
    kind: str, listen: Callable[[Talk], Listening], tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    recovering = _Recovering(TROUBLES[kind])
    processor = OutworxSpanProcessor(KEY, listen(recovering).url, schedule_delay=10, retry_policy=QUICK)
    deliver(tracing(processor), 3)
    assert processor.force_flush()
    assert len(recovering.seen) == 1
    assert "dropped" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_name_that_is_not_known_yet_loses_nothing_and_is_named(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = receive()
    unknown = [True]
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "new.example":
            if unknown:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            host = "127.0.0.1"
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    endpoint = receiver.endpoint.replace("127.0.0.1", "new.example")
    processor = OutworxSpanProcessor(KEY, endpoint, schedule_delay=10, retry_policy=QUICK)
    deliver(tracing(processor), SPANS)
    assert receiver.wait_for(lambda _: "cannot be looked up" in caplog.text)
    unknown.clear()
    assert processor.force_flush()
    assert len(set(receiver.span_names())) == SPANS
    assert "new.example" in caplog.text
    assert "dropped" not in caplog.text


def test_a_full_queue_is_counted_to_the_span_and_said_once_a_minute(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [0.0]
    monkeypatch.setattr(report, "time", _Later(later))
    away = free_port()
    processor = OutworxSpanProcessor(
        KEY,
        f"http://127.0.0.1:{away}",
        max_queue_size=200,
        max_batch_size=50,
        schedule_delay=10,
        retry_policy=QUICK,
    )
    tracer = tracing(processor)
    made = 0
    for part in range(6):
        for _ in range(10):
            deliver(tracer, 100)
            made += 100
            time.sleep(0.02)  # some attempts fail meanwhile
        assert len(processor._export_queue._queue) <= 200
        # Half a minute passes after each part; what is lost in the second half of a minute waits for its line.
        assert len(_lines(caplog)) == part // 2 + 1
        later[0] += 31
    receiver = receive(port=away)
    assert processor.force_flush()
    processor.shutdown()
    lost = sum(
        int(count) for line in _lines(caplog) for count in re.findall(r"(\d+) \(the queue is full", line)
    )
    assert len(receiver.span_names()) + lost == made
    assert lost >= made - 400


class _Later:
    """The module `time` with a monotonic clock that the test moves on."""

    def __init__(self, later: list[float]) -> None:
        self._later = later

    def monotonic(self) -> float:
        return time.monotonic() + self._later[0]


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in (record.getMessage() for record in caplog.records) if "dropped spans" in text]


@pytest.mark.parametrize("jump", [-86_400, 86_400])
def test_a_clock_that_jumps_neither_hurries_nor_delays_a_batch(
    jump: int,
    receive: Receive,
    tracing: Tracing,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def busy(call: Call, index: int) -> Reply:
        if index:
            return Reply()
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        return Reply(503)

    receiver = receive(busy)
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, schedule_delay=10, retry_policy=QUICK)
    deliver(tracing(processor), 5)
    assert processor.force_flush(20_000)
    assert len(set(receiver.span_names())) == 5
    assert "dropped" not in caplog.text
