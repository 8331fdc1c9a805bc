"""Run by the Python of an environment that has the wheel and what it depends on, and nothing else."""

import asyncio
import importlib
import sys
from importlib import metadata

import outworx_otel
from outworx_otel.integrations.asgi import OutworxHooksMiddleware
from outworx_otel.testing import sign

for framework in (
    "starlette",
    "fastapi",
    "flask",
    "django",
    "aiohttp",
    "litestar",
    "celery",
    "sqlalchemy",
    "pytest",
):
    try:
        importlib.import_module(framework)
    except ImportError:
        continue
    raise SystemExit(f"{framework} came along")

assert "site-packages" in outworx_otel.__file__, outworx_otel.__file__
for name in outworx_otel.__all__:
    assert getattr(outworx_otel, name) is not None
importlib.import_module("outworx_otel.security")

for group in ("traces_exporter", "metrics_exporter", "traces_sampler", "sampler", "environment_variables"):
    for entry in metadata.entry_points(group=f"opentelemetry_{group}"):
        if entry.value.startswith("outworx_otel"):
            assert entry.load() is not None
for entry in metadata.entry_points(group="opentelemetry_instrumentor"):
    if entry.value.startswith("outworx_otel"):
        # As OpenTelemetry's loader does: a framework that is not there is passed over.
        try:
            entry.load()
        except ModuleNotFoundError as error:
            if error.name.startswith("outworx_otel"):
                raise
        else:
            raise SystemExit(f"{entry.name} was loaded without its framework")

outworx_otel.init()
outworx_otel.instrument()
ran = []


async def handler(scope, receive, send):
    ran.append(outworx_otel.current_track().processed())
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def status(headers):
    body = b'{"id": "evt_1", "type": "charge.succeeded"}'
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        **{
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
        },
        **{"path": "/hook", "raw_path": b"/hook", "query_string": b"", "root_path": ""},
        "headers": [
            (b"content-length", str(len(body)).encode()),
            *((name.lower().encode(), value.encode()) for name, value in headers(body).items()),
        ],
    }
    await app(scope, receive, send)
    return sent[0]["status"]


app = OutworxHooksMiddleware(handler, outworx_otel.TrackOptions("stripe", signature_secret="whsec_1"))  # noqa: S106  # nobody's
assert asyncio.run(status(lambda body: sign("stripe", body, "whsec_1"))) == 200
assert asyncio.run(status(lambda body: sign("stripe", body, "whsec_2"))) == 401
assert len(ran) == 1
print("all is well", file=sys.stderr)
