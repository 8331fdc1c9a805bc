"""Reads the body of a request, decompresses it as it comes in, and bounds its size."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from outworx_otel.server.store import StoreBusy

_PIECE: Final = 1024 * 1024
_ENCODINGS: Final = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


class BodyReader:
    """Reads bodies, and keeps count of what all requests that are under way hold together.

    Args:
        max_request: bytes of one body as it comes.
        max_decoded: bytes of one body, decompressed.
        max_held: bytes of all bodies that are not answered yet.
    """

    def __init__(self, max_request: int, max_decoded: int, max_held: int) -> None:
        self._max_request = max_request
        self._max_decoded = max_decoded
        self._max_held = max_held
        self._held = 0

    @contextlib.asynccontextmanager
    async def body(self, request: Request, max_bytes: int | None = None) -> AsyncIterator[bytes]:
        """The body; it counts as held until the context ends.

        Args:
            request: not read yet.
            max_bytes: a smaller limit, perhaps, of the body as it comes and decompressed.

        Raises:
            HTTPException: too large, cut short, or not what its Content-Encoding says.
            StoreBusy: other requests hold too much.
        """
        raw_limit = min(max_bytes or self._max_request, self._max_request)
        limit = min(max_bytes or self._max_decoded, self._max_decoded)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > raw_limit):
            raise _too_large(raw_limit, "")
        inflate = _inflater(request.headers.get("content-encoding", ""), limit)
        pieces: list[bytes] = []
        received = held = 0
        try:
            async for chunk in request.stream():
                received += len(chunk)
                if received > raw_limit:
                    raise _too_large(raw_limit, "")
                for piece in (chunk,) if inflate is None else inflate.feed(chunk):
                    held += len(piece)
                    self._held += len(piece)
                    if held > limit:
                        raise _too_large(limit, " once it is decompressed")
                    # One request alone is always let in: it is bounded by itself.
                    if self._held > self._max_held and self._held > held:
                        raise StoreBusy
                    pieces.append(piece)
                    if len(piece) == _PIECE:
                        await asyncio.sleep(0)
            if inflate is not None:
                inflate.finish()
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            yield body
        except ClientDisconnect:
            raise HTTPException(400, "the client went away before its last byte") from None
        finally:
            self._held -= held


class _Inflater:
    """Decompresses a stream piece by piece, so that a bomb is stopped while it goes off."""

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._stream = zlib.decompressobj(_ENCODINGS[encoding])
        self._begun = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Returns what more can be decompressed, up to one piece more than the limit."""
        pieces: list[bytes] = []
        total = 0
        try:
            while chunk and total <= self._limit:
                if self._stream.eof:
                    # A gzip file may have several members.
                    self._stream = zlib.decompressobj(_ENCODINGS[self._encoding])
                self._begun = True
                piece = self._stream.decompress(chunk, _PIECE)
                chunk = self._stream.unconsumed_tail or self._stream.unused_data
                if piece:
                    pieces.append(piece)
                    total += len(piece)
        except zlib.error:
            raise HTTPException(
                400, f"the body is not {self._encoding}, as its Content-Encoding says"
            ) from None
        return pieces

    def finish(self) -> None:
        """Raises where the stream was cut short."""
        if self._begun and not self._stream.eof:
            raise HTTPException(400, f"the {self._encoding} body is cut short")


def _inflater(header: str, limit: int) -> _Inflater | None:
    encoding = header.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in _ENCODINGS:
        raise HTTPException(415, f"Content-Encoding {encoding[:40]!r} is not taken here: send gzip or none")
    return _Inflater(encoding, limit)


def _too_large(limit: int, when: str) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limit} bytes{when}: send smaller batches")
