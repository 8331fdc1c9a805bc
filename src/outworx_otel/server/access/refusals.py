"""Makes the answer to a refused request in the format of its path: OTLP's Status, JSON, or text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it ships no types
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

_PROTOBUF: Final = "application/x-protobuf"
_CODES: Final = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 413: 3, 421: 9, 429: 8, 503: 14}
_INTERNAL: Final = 13


class RequestRefused(Exception):
    """A request that goes no further.

    Args:
        status: HTTP's.
        message: what is wrong and what to do.
        headers: that the answer carries.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def refusal(scope: Scope, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer, with `message` in the form that fits the path."""
    path = scope["path"]
    if path.startswith(("/v1/", "/api/ingest/v1/")):
        code = _CODES.get(status, _INTERNAL)
        if Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() == _PROTOBUF:
            body = Status(code=code, message=message).SerializeToString()
            return Response(body, status, headers, _PROTOBUF)
        return _json({"code": code, "message": message}, status, headers)
    if path.startswith("/api/") or path in ("/healthz", "/mcp"):
        return _json({"error": message}, status, headers)
    return Response(message + "\n", status, headers, "text/plain; charset=utf-8")


def _json(document: object, status: int, headers: Mapping[str, str] | None) -> Response:
    return Response(msgspec.json.encode(document), status, headers, "application/json")
