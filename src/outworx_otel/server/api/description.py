"""The OpenAPI description of every JSON call, written by hand."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

from outworx_otel.version import __version__


@functools.cache
def description() -> bytes:
    """`openapi.json`, with this version's number."""
    text = resources.files(__package__ or "outworx_otel.server.api").joinpath("openapi.json").read_bytes()
    document = msgspec.json.decode(text)
    document["info"]["version"] = __version__
    return msgspec.json.encode(document)
