"""Reads the delivery to judge from options, a saved file, or a raw HTTP request."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import read_saved

MAX_BYTES: Final = 64 * 1024 * 1024
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+)(?: HTTP/[0-9.]+)?")


@dataclasses.dataclass(frozen=True)
class CapturedRequest:
    """What is known of the delivery.

    Args:
        headers: (name, value) pairs.
        body: exact.
        method: of the request.
        path: with its query, "" where nobody knows.
        url: the address that was called, or None.
        received_at: ISO 8601, or None.
        remarks: what is odd about it, in plain words.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes = dataclasses.field(repr=False)
    method: str = "POST"
    path: str = ""
    url: str | None = None
    received_at: str | None = None
    remarks: tuple[str, ...] = ()


def from_saved(path: Path) -> CapturedRequest:
    """A delivery as `outworx forward --save` writes it.

    Raises:
        ReplayError: it is none.
    """
    saved = read_saved(path)
    query = f"?{saved.query_string}" if saved.query_string else ""
    return CapturedRequest(
        saved.headers, saved.body, saved.method, saved.path + query, received_at=saved.received_at
    )


def from_http(raw: bytes) -> CapturedRequest:
    """A request as it went over the wire, or as a proxy logged it.

    Raises:
        ConfigurationError: it has no blank line, or something in its head is no header.
    """
    blank = _BLANK_LINE.search(raw)
    if blank is None:
        raise ConfigurationError("the request has no blank line between its head and its body")
    # Not `splitlines`: to it, a byte of a value may be the end of a line.
    first, *lines = [line.rstrip("\r") for line in raw[: blank.start()].decode("latin-1").split("\n")]
    body = raw[blank.end() :]
    found = _REQUEST_LINE.fullmatch(first.strip())
    if found is None:
        raise ConfigurationError("the request's first line must read like 'POST /webhooks/stripe HTTP/1.1'")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise ConfigurationError(f"a line of the request's head is no header: {line[:40]!r}")
        headers.append((name, value.strip(" \t")))
    given = {name.lower(): value for name, value in headers}
    remarks = []
    if "chunked" in given.get("transfer-encoding", "").lower():
        body = _dechunked(body)
    else:
        announced = given.get("content-length", "")
        if announced.isdecimal() and len(announced) < 16 and int(announced) != len(body):
            remarks.append(
                f"Content-Length says {announced} bytes and the body has {len(body)}: it is not as it was sent "
                "(an editor's newline at the end?)"
            )
    path, host = found[2], given.get("host")
    url = path if "://" in path else None
    if url is None and host:
        url = f"{given.get('x-forwarded-proto', 'https').partition(',')[0].strip()}://{host}{path}"
    return CapturedRequest(tuple(headers), body, found[1], path, url, remarks=tuple(remarks))


def _dechunked(body: bytes) -> bytes:
    """A chunked body without its framing, by the HTTP library's own reader."""
    import h11

    connection = h11.Connection(h11.SERVER)
    connection.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    pieces = []
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                pieces.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return b"".join(pieces)
            elif not isinstance(event, h11.Request):
                raise ConfigurationError("the request's chunked body is not complete")
    except h11.RemoteProtocolError as error:
        raise ConfigurationError(f"the request's chunked body cannot be read: {error}") from None


def read_bytes(name: str, option: str) -> bytes:
    """A file's bytes, or standard input's.

    Raises:
        ConfigurationError: they cannot be had, or are too many.
    """
    try:
        if name == "-":
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{option} {name}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError(f"{option} {name}: is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return raw
