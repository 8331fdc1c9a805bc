"""The recipes in CONTRIBUTING.md are true: a framework and a provider that nobody has heard of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET
from support.project_file import project

import outworx_otel.integrations as integrations
from integrations.asgi_apps import UnderTransport
from integrations.conftest import Telemetry
from outworx_otel import TrackOptions, current_track, register_provider, sign, verify, webhook
from outworx_otel.delivery.flow import run_async
from outworx_otel.integrations._adapter import Found, LetBy, let_by
from outworx_otel.integrations._asgi import Door, Seam, arguments, concern_of
from outworx_otel.integrations._instrumentor import Instrumentor
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._scope import served_path
from outworx_otel.integrations._selection import choose, has_own_say
from outworx_otel.integrations._visit import VISIT
from outworx_otel.setup import unguarded
from outworx_otel.setup.runtime import current
from outworx_otel.signatures.provider import WebhookProvider

ROOT = Path(__file__).parents[3]
SIGNED = TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)
NEEDED = (
    run_async, Found, LetBy, let_by, Door, Seam, arguments, concern_of, Instrumentor, Patch, Reach, served_path,
    choose, has_own_say, current,
)  # fmt: skip


class Route:
    def __init__(self, path: str, handler: Any) -> None:
        self.path, self.handler = path, handler

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        answer = await self.handler((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": answer})


class Acme:
    def __init__(self, *routes: Route) -> None:
        self.routes = {route.path: route for route in routes}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["path_params"] = {}
        await self.routes[scope["path"]].handle(scope, receive, send)


def _find(app: Acme, scope: Any) -> Found | None:
    route = app.routes.get(scope["path"])
    return None if route is None else Found(route.path, route.handler, {})


def _code_of(section: str) -> str:
    page = (ROOT / "CONTRIBUTING.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(code)


@pytest.fixture
def instrumentor(telemetry: Telemetry) -> Iterator[Any]:
    skeleton = _code_of("Add a framework")
    names = {thing.__name__: thing for thing in NEEDED} | {"VISIT": VISIT, "_find": _find, "Acme": Acme}
    names["Route"] = Route
    exec(skeleton, names)  # noqa: S102  # of our own page
    acme = names["AcmeInstrumentor"]()
    acme.instrument(skip_dep_check=True, endpoints={PATH: SIGNED}, tracer_provider=telemetry.tracer_provider)
    yield acme
    acme.uninstrument()


@pytest.mark.usefixtures("instrumentor")
@pytest.mark.parametrize("path", [PATH, "/marked"])
def test_the_skeleton_guards_a_framework(path: str, telemetry: Telemetry) -> None:
    ran: list[Any] = []

    async def hook(body: bytes) -> bytes:
        ran.append(body)
        current_track().processed()
        return b"served"

    app = UnderTransport(Acme(Route(PATH, hook), Route("/marked", webhook(SIGNED)(hook))))
    sent = (JSON, deliveries.stripe(), deliveries.stripe())
    answers = [app.post(BODY, headers, path) for headers in sent]
    assert [(answer.status, "idempotent-replayed" in answer.headers) for answer in answers] == [
        (401, False),
        (200, False),
        (200, True),
    ]
    assert ran == [BODY]
    done = telemetry.deliveries()[1].attributes
    assert (done["http.route"], done["outworx.webhook.processing.status"]) == (path, "completed")


def test_the_whole_provider_verifies_its_own_sample() -> None:
    names: dict[str, Any] = {}
    exec(_code_of("Add a provider"), names)  # noqa: S102  # of our own page
    provider: WebhookProvider = names["PROVIDER"]
    register_provider(provider.scheme)
    headers = sign("acme", BODY, SECRET)
    assert verify("acme", BODY, headers, SECRET).valid
    assert not verify("acme", BODY + b" ", headers, SECRET).valid
    assert provider.samples.payloads.keys() == {"order.paid"}


def test_every_instrumentor_stands_in_every_table_of_the_recipe() -> None:
    declared = project()
    classes = {framework: name for framework, (_, name) in integrations._INSTRUMENTORS.items()}
    points = declared["entry-points"]["opentelemetry_instrumentor"]
    assert points == {
        f"outworx_{name}": f"outworx_otel.integrations.{name}:{kind}" for name, kind in classes.items()
    }
    # A queue carries deferred work, and guards nothing.
    assert {f"outworx_{name}" for name in unguarded.SUPPORTED} == set(points) - {
        "outworx_celery",
        "outworx_rq",
    }
    optional = declared["optional-dependencies"]
    asked = " ".join(optional["instruments-any"])
    assert all(name in asked and find_spec(name) is not None for name in classes)
    # Starlette comes with FastAPI's extra, or by itself.
    assert set(classes) - set(optional) == {"starlette", "celery", "rq"}
