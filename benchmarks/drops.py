"""What looking for the causes of silent drops costs a delivery that is not dropped: `python -m benchmarks.drops`.

Needs Python 3.12 or newer; on an older one it runs itself with that of `make newest`.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of the specification's example
LIMIT: Final = 0.05
ROUNDS: Final = 25
DELIVERIES: Final = 200
BODY: Final = json.dumps({"id": "evt_1", "type": "charge.succeeded", "data": "x" * 950}).encode()
_NEWEST: Final = Path(__file__).parents[1] / ".venvs" / "newest" / "bin" / "python"
Round = Callable[[], Awaitable[float]]


def lenient(text: str) -> int:
    """Handles an exception of its own, as applications do."""
    try:
        return int(text)
    except ValueError:
        return 0


def main() -> int:
    """Prints the costs; exits with 1 if the limit is missed."""
    if sys.version_info < (3, 12):
        if not _NEWEST.exists():
            print("  no Python 3.12 or newer was found: make newest")
            return 0
        os.execv(_NEWEST, [str(_NEWEST), "-m", "benchmarks.drops"])  # noqa: S606  # our own module
    return asyncio.run(_measure())


async def _measure() -> int:
    app = _application()
    paths = ("/off", "/on", "/off/handling", "/on/handling")
    rounds = {path: _rounds(app, path) for path in paths}
    ordinary = _rounds(app, "/ordinary")
    before = min([await ordinary() for _ in range(ROUNDS)])
    taken: dict[str, list[float]] = {path: [] for path in paths}
    for number in range(ROUNDS + 1):
        for path in paths:
            microseconds = await rounds[path]()
            if number:
                taken[path].append(microseconds)
    after = min([await ordinary() for _ in range(ROUNDS)])
    middle = {path: statistics.median(values) for path, values in taken.items()}
    added = middle["/on"] / middle["/off"] - 1
    reached = "reached" if added <= LIMIT else "MISSED"
    print(
        f"  Python {sys.version.split()[0]}, Starlette, 1 KB, processor time, medians of {ROUNDS} rounds in turn"
    )
    print(
        f"  off {middle['/off']:.1f} us, on {middle['/on']:.1f} us: {added:+.1%} (at most {LIMIT:.0%}: {reached})"
    )
    handling = middle["/on/handling"] / middle["/off/handling"] - 1
    print(f"  the same with an exception that the handler's own code handles: {handling:+.1%}")
    print(f"  a route that is no webhook, before and after: {before:.2f} us, {after:.2f} us")
    return 0 if added <= LIMIT else 1


def _application() -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    from outworx_otel import instrument, webhook

    trace.set_tracer_provider(TracerProvider())
    instrument()

    def handler(diagnosed: bool, handling: bool) -> Any:
        @webhook(
            "stripe", require_processing_mark=True, diagnose_silent_drops=diagnosed, signature_secret=SECRET
        )
        async def charge(request: Request) -> JSONResponse:
            event = json.loads(await request.body())
            if event["type"] != "charge.succeeded":
                return JSONResponse({"received": True})
            if handling:
                lenient("no number")
            request.state.outworx_track.processed()
            return JSONResponse({"received": True})

        return charge

    async def ordinary(request: Request) -> JSONResponse:
        json.loads(await request.body())
        return JSONResponse({"received": True})

    routes = [Route("/ordinary", ordinary, methods=["POST"])]
    for diagnosed, path in ((False, "/off"), (True, "/on")):
        routes.append(Route(path, handler(diagnosed, False), methods=["POST"]))
        routes.append(Route(f"{path}/handling", handler(diagnosed, True), methods=["POST"]))
    return Starlette(routes=routes)


def _rounds(app: Any, path: str) -> Round:
    from outworx_otel.signatures import sign

    headers = [
        (name.lower().encode(), value.encode()) for name, value in sign("stripe", BODY, SECRET).items()
    ]
    headers += [
        (b"content-length", b"%d" % len(BODY)),
        (b"content-type", b"application/json"),
        (b"host", b"x"),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "server": ("x", 80),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return None

    async def one_round() -> float:
        begun = time.process_time_ns()
        for _ in range(DELIVERIES):
            await app(dict(scope), receive, send)
        return (time.process_time_ns() - begun) / DELIVERIES / 1e3

    return one_round


if __name__ == "__main__":
    sys.exit(main())
