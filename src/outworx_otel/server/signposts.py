"""Says where to send what was sent to an address that is nearly right."""

from __future__ import annotations

import re
from typing import Final

_SENDING: Final = frozenset({"POST", "PUT"})
_SIGNALS: Final = ("traces", "metrics")
_TAKEN: Final = frozenset(f"{prefix}/v1/{signal}" for prefix in ("", "/api/ingest") for signal in _SIGNALS)
_SIGNAL: Final = re.compile(rf"v1/({'|'.join(_SIGNALS)})")
_BASE: Final = (
    "set OTEL_EXPORTER_OTLP_ENDPOINT to this server's address alone (the exporter adds /v1/traces itself), or"
    " OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to the whole address"
)
_NEAR: Final = {
    "/v1": "OTLP's traces are sent to /v1/traces",
    "/api/ingest": "the JSON batch of events is sent to /api/ingest, OTLP to /v1/traces",
    "/v1/trace": "OTLP's traces are sent to /v1/traces",
    "/v1/metric": "OTLP's metrics are sent to /v1/metrics",
    "/v1/profiles": "profiles are not taken here, only /v1/traces and /v1/metrics",
    "/v1development/profiles": "profiles are not taken here, only /v1/traces and /v1/metrics",
    "/traces": "OTLP's traces are sent to /v1/traces",
    "/metrics": "OTLP's metrics are sent to /v1/metrics",
    "/api/v2/spans": "Zipkin's format is not taken here: send OTLP to /v1/traces",
    "/api/traces": "Jaeger's format is not taken here: send OTLP to /v1/traces",
}


def signpost(method: str, path: str) -> tuple[int, str] | None:
    """Returns status and message for a request that meant another address; None for all others.

    Args:
        method: HTTP's.
        path: decoded.
    """
    if path in _TAKEN:
        return None if method == "POST" else (405, f"{path} takes OTLP by POST, not {method[:20]}.")
    if method not in _SENDING:
        return None
    if path == "/":
        return 405, f"Nothing can be sent to /: OTLP goes to /v1/traces and /v1/metrics. For an SDK, {_BASE}."
    near = _NEAR.get(path.rstrip("/"))
    if near is not None and path != "/api/ingest":
        return 404, f"Nothing is taken at this path: {near}."
    if path.startswith("/api/ingest/api/ingest"):
        rest = path.rsplit("/api/ingest", 1)[1]
        right = f"/api/ingest{rest}" if f"/api/ingest{rest}" in _TAKEN else "/api/ingest"
        return 404, f"Nothing is taken at this path, which has /api/ingest twice: send to {right}."
    if path.startswith(("/v1/logs", "/api/ingest/v1/logs")):
        return 404, "Logs are not taken here, only /v1/traces and /v1/metrics: set OTEL_LOGS_EXPORTER=none."
    if path.startswith(("/v1/", "/api/ingest/", "/api/v1/", "/otlp/")):
        named = _SIGNAL.findall(path)
        if named:
            return 404, f"Nothing is taken at this path: send to /v1/{named[-1]}. For an SDK, {_BASE}."
    return None
