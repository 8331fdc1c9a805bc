"""Every first path of the quick start, walked as a newcomer does: in a fresh environment and an empty folder.

The snippet as it is written, `outworx serve` without a key, `outworx trigger`; and the delivery stands on the server,
valid and accepted, no silent drop, and nothing that alarms was said on the way.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.pages import block

from .newcomer import Environment, Process, wait_until

SECRET = "whsec_0123456789abcdef"  # noqa: S105  # of nobody
EXTRAS = "auto,server,fastapi,flask,django,aiohttp,litestar"
STRIPE = "stripe charge.succeeded --to {port}/webhooks/stripe"
UVICORN = "uvicorn app:app --port {port}"

ALARMING = r"Traceback|KeyError|ERROR|WARNING: outworx|refused|Transient|cannot deliver|dropped|Overriding"

ZERO_CODE_APP = """
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/webhooks/stripe")
async def stripe_webhook(request: Request):
    return {"received": (await request.json())["id"]}
"""
RUN_AIOHTTP = """
if __name__ == "__main__":
    import sys

    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]))
"""
OWN_PROVIDER = """
from fastapi import FastAPI, Request
from opentelemetry.sdk.trace import TracerProvider

provider = TracerProvider()
SNIPPET
app = FastAPI()


@app.post("/hooks/github")
async def push(request: Request):
    return {"received": True}
"""
OWN_PROVIDER_FILE = (
    '[endpoints."/hooks/*"]\nprovider = "github"\nsignature_secret_env = "GITHUB_WEBHOOK_SECRET"\n'
)


@dataclasses.dataclass(frozen=True)
class FirstPath:
    """One first path.

    Args:
        files: what the newcomer writes, by name.
        command: what starts the application.
        trigger: what follows `outworx trigger`.
        exports: variables besides the server's address and the provider's secret.
        variable: the one that holds the secret.
    """

    files: Callable[[], dict[str, str]]
    command: str
    trigger: str = STRIPE
    exports: dict[str, str] = dataclasses.field(default_factory=dict)
    variable: str = "STRIPE_WEBHOOK_SECRET"


def app(*where: str) -> Callable[[], dict[str, str]]:
    return lambda: {"app.py": block(*where)}


def without_init(*where: str) -> Callable[[], dict[str, str]]:
    return lambda: {"app.py": re.sub(r"^init\(\).*$", "", block(*where), flags=re.MULTILINE)}


def exports(name: str) -> dict[str, str]:
    """The variables that a page's second console block exports."""
    text = block(name, language="console", number=1)
    lines = [line for line in text.splitlines() if line.startswith("export ")]
    words = [word for line in lines for word in shlex.split(line, comments=True)[1:]]
    return dict(word.split("=", 1) for word in words)


def django_files() -> dict[str, str]:
    """The three files of the page's block, each by the name that stands above it."""
    parts = re.split(r"^# (\w+\.py)$", block("quick-start/django.md"), flags=re.MULTILINE)
    files = {f"shop/{name}": text for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    files["shop/urls.py"] = files["shop/urls.py"].replace(
        "urlpatterns", "from shop.views import stripe_webhook\n\nurlpatterns"
    )
    return files


ZERO_CODE = "quick-start/zero-code.md"
DECORATOR = "quick-start/index.md", "## One decorator for all of them"
PATHS = {
    "zero code": FirstPath(
        lambda: {"app.py": ZERO_CODE_APP, "outworx.toml": block(ZERO_CODE, language="toml")},
        f"opentelemetry-instrument {UVICORN}",
        exports=exports(ZERO_CODE),
    ),
    "zero code, the exporters not named": FirstPath(
        lambda: {"app.py": ZERO_CODE_APP, "outworx.toml": block(ZERO_CODE, language="toml")},
        f"opentelemetry-instrument {UVICORN}",
    ),
    "fastapi": FirstPath(app("quick-start/fastapi.md"), UVICORN),
    "fastapi without init": FirstPath(without_init("quick-start/fastapi.md"), UVICORN),
    "flask": FirstPath(app("quick-start/flask.md"), "flask --app app run --port {port}"),
    "django by settings": FirstPath(
        django_files, "python manage.py runserver --noreload {port}", STRIPE + "/"
    ),
    "starlette": FirstPath(app("quick-start/starlette.md"), UVICORN),
    "litestar": FirstPath(app("quick-start/litestar.md"), UVICORN),
    "aiohttp": FirstPath(
        lambda: {
            "app.py": block("quick-start/aiohttp.md") + RUN_AIOHTTP,
        },
        "python app.py {port}",
    ),
    "decorator": FirstPath(
        app(*DECORATOR),
        UVICORN,
        "github push --to {port}/webhooks/github",
        variable="GITHUB_WEBHOOK_SECRET",
    ),
    "instrument without init": FirstPath(
        without_init(*DECORATOR),
        UVICORN,
        "github push --to {port}/webhooks/github",
        variable="GITHUB_WEBHOOK_SECRET",
    ),
    "an own provider": FirstPath(
        lambda: {
            "app.py": OWN_PROVIDER.replace("SNIPPET", block("other-telemetry.md")),
            "outworx.toml": OWN_PROVIDER_FILE,
        },
        UVICORN,
        "github push --to {port}/hooks/github",
        variable="GITHUB_WEBHOOK_SECRET",
    ),
}


@dataclasses.dataclass
class Walked:
    """What came of a path."""

    process: Process
    sent: dict[str, Any]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("newcomer") / "venv", f"outworx-otel[{EXTRAS}]")


@pytest.fixture(scope="module")
def server(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    process = Process(environment, "outworx serve --port {port}", tmp_path_factory.mktemp("serve"), {})
    process.wait_until_listening()
    yield f"http://127.0.0.1:{process.port}"
    process.stop()


@pytest.fixture(scope="module")
def walked(
    environment: Environment, server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Walked]]:
    """All paths, side by side: each application is started, gets one delivery, and is stopped."""
    started: dict[str, Walked] = {}
    folders = {name: tmp_path_factory.mktemp("app") for name in PATHS}
    try:
        for name, path in PATHS.items():
            write(environment, folders[name], path)
            environ = {**path.exports, "OUTWORX_ENDPOINT": server, path.variable: SECRET}
            environ.pop("OUTWORX_HOOKS_ENDPOINT", None)
            started[name] = Walked(Process(environment, path.command, folders[name], environ), {})
        for name, one in started.items():
            one.process.wait_until_listening()
            path = PATHS[name]
            words = shlex.split(path.trigger.format(port=one.process.port))
            done = environment.run(
                "outworx", "trigger", *words, "--json", cwd=folders[name], **{path.variable: SECRET}
            )
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{one.process.log()}"
            one.sent = json.loads(done.stdout)
        for one in started.values():
            one.process.terminate()
        for one in started.values():
            one.process.stop()
        yield started
    finally:
        for one in started.values():
            one.process.stop()


def write(environment: Environment, folder: Path, path: FirstPath) -> None:
    files = path.files()
    if "shop/settings.py" in files:
        done = environment.run("django-admin", "startproject", "shop", ".", cwd=folder)
        assert done.returncode == 0, done.stderr
    for name, text in files.items():
        file = folder / name
        if name == "shop/settings.py":
            # As the page says: the first entry goes in front of those that are there.
            text = f"{file.read_text()}\nTHEIRS = MIDDLEWARE\n{text}\nMIDDLEWARE += THEIRS\n"
        file.write_text(text)


@pytest.mark.parametrize("name", PATHS)
def test_the_delivery_stands_on_the_server(name: str, walked: dict[str, Walked], server: str) -> None:
    one = walked[name]
    found: list[dict[str, Any]] = []

    def arrived() -> bool:
        listed = httpx.get(f"{server}/api/deliveries?limit=200").json()["deliveries"]
        found[:] = [each for each in listed if each.get("event.id") == one.sent["event_id"]]
        return bool(found)

    wait_until(arrived, one.process.log)
    (delivery,) = found
    assert delivery["signature.valid"] is True
    assert delivery["outcome"] == "accepted"
    assert delivery.get("processing.status") in (None, "completed")


@pytest.mark.parametrize("name", PATHS)
def test_one_line_says_what_is_on_and_nothing_alarms(
    name: str, walked: dict[str, Walked], server: str
) -> None:
    # Where no exporter is named, OpenTelemetry's default goes on as before, and looks for a collector.
    said = "\n".join(line for line in walked[name].process.log().splitlines() if "localhost:4317" not in line)

    assert not re.search(ALARMING, said), said
    first, *others = (line for line in said.splitlines() if "outworx: " in line)
    assert "configuration" in first
    where = "the exporters of the application's tracer provider" if name == "an own provider" else server
    assert f"spans go to {where}" in first
    # What the code names after `init()` has its own line.
    assert len(others) <= 1
    assert "verified" in [first, *others][-1]
    assert "NOT VERIFIED" not in said.replace("1 NOT VERIFIED (/hooks/*)", "")
