"""What Stream signs: its events before they were compressed."""

from __future__ import annotations

import zlib

from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.result import Failure

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# An event has a few KiB; a stranger's body could inflate to a thousand times its size.
_MOST = 4 * 1024 * 1024


def inflated(request: SignedRequest) -> bytes | Failure:
    """The body, inflated where it begins as gzip does: no header says so where a server inflates bodies itself."""
    if not request.body.startswith(_GZIP):
        return request.body
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = stream.decompress(request.body, _MOST)
    except zlib.error:
        return Failure("hmac_mismatch", "The body begins as gzip does, but cannot be inflated.")
    if not stream.eof:
        return Failure(
            "hmac_mismatch", "The body begins as gzip does, but is cut off, or holds more than 4 MiB."
        )
    return body
