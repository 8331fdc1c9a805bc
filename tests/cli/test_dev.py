"""`outworx dev`: real applications under it, what becomes of their deliveries, and that nothing is left running."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from support.commands import invoked, outworx, quiet_environment
from support.receiver import free_port
from support.scale import rows
from support.sender import NO_CERTIFICATES

from outworx_otel.cli.dev.application import instrumented, settings_of

PATIENCE = 180.0
SECRET = "whsec_0123456789abcdef0123456789"  # noqa: S105
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()

@app.post("/webhooks/stripe")
async def hook():
    return {"ok": True}
"""
FLASK = """
from flask import Flask
app = Flask(__name__)

@app.post("/webhooks/stripe")
def hook():
    return {"ok": True}
"""
DJANGO = """
import os, sys
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")
execute_from_command_line(sys.argv)
"""
DJANGO_SETTINGS = """
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

DEBUG, ALLOWED_HOSTS, ROOT_URLCONF, SECRET_KEY = True, ["*"], "shop_settings", "not one"
urlpatterns = [path("webhooks/stripe", csrf_exempt(lambda request: HttpResponse("ok")))]
"""
APPLICATIONS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "uvicorn": ("shop.py", FASTAPI, ("uvicorn", "shop:app", "--port", "{port}")),
    "uvicorn with reload": ("shop.py", FASTAPI, ("uvicorn", "shop:app", "--reload", "--port", "{port}")),
    "flask": ("shop.py", FLASK, ("flask", "--app", "shop", "run", "--port", "{port}")),
    "runserver, which reloads": ("manage.py", DJANGO, ("python", "manage.py", "runserver", "{port}")),
}
TOML = """
[endpoints."/webhooks/stripe"]
provider = "stripe"
signature_secret_env = "STRIPE_WEBHOOK_SECRET"
"""


class Dev:
    """One run of the command."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        scripts = str(Path(sys.executable).parent)
        environ = {
            **quiet_environment(),
            "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "COLUMNS": "1000",
            **environ,
        }
        self._said = folder / "said.txt"
        with self._said.open("wb") as out:
            self.process = subprocess.Popen(  # noqa: S603  # our own command
                [sys.executable, "-m", "outworx_otel.cli", "dev", *arguments],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def wait_for(self, ready: Callable[[], object]) -> None:
        until = time.monotonic() + PATIENCE
        while not ready():
            assert self.process.poll() is None and time.monotonic() < until, self.said  # noqa: PT018
            time.sleep(0.05)

    @property
    def address(self) -> str:
        self.wait_for(lambda: "dashboard:" in self.said)
        found = re.search(r"dashboard: (http://\S+)/", self.said)
        assert found is not None
        return found[1]


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Callable[..., Dev]]:
    runs: list[Dev] = []

    def start(*arguments: str, **environ: str) -> Dev:
        runs.append(Dev(tmp_path, *arguments, **environ))
        return runs[-1]

    yield start
    for one in runs:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            one.process.wait(PATIENCE)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=5, verify=NO_CERTIFICATES).status_code > 0
    except httpx.HTTPError:
        return False


def listening(port: int) -> bool:
    import socket

    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    "name", rows(("uvicorn",), ("uvicorn with reload", "flask", "runserver, which reloads"))
)
def test_a_delivery_of_an_application_that_knows_nothing_of_it_is_on_the_page(
    dev: Callable[..., Dev], tmp_path: Path, name: str
) -> None:
    file, code, command = APPLICATIONS[name]
    (tmp_path / file).write_text(code)
    (tmp_path / "shop_settings.py").write_text(DJANGO_SETTINGS)
    (tmp_path / "outworx.toml").write_text(TOML)
    port = free_port()
    run = dev("--no-open", "--port", "0", "--", *(part.format(port=port) for part in command))
    run.wait_for(lambda: answers(port))
    sent = outworx(
        *("trigger", "stripe", "charge.succeeded", "--to", f"{port}/webhooks/stripe"),
        cwd=tmp_path,
        STRIPE_WEBHOOK_SECRET=SECRET,
    )
    assert sent.code == 0, sent

    def kept() -> list[dict[str, object]]:
        return list(
            httpx.get(f"{run.address}/api/deliveries", timeout=10, verify=NO_CERTIFICATES).json()[
                "deliveries"
            ]
        )

    run.wait_for(kept)
    (delivery,) = kept()
    assert (delivery["provider"], delivery["signature.valid"], delivery["outcome"]) == (
        "stripe",
        True,
        "accepted",
    )
    assert delivery["service.name"] == tmp_path.name
    server = int(run.address.rpartition(":")[2])
    run.process.send_signal(signal.SIGINT)
    run.process.wait(PATIENCE)
    assert "and the server with it" in run.said
    until = time.monotonic() + PATIENCE
    while listening(port) and time.monotonic() < until:
        time.sleep(0.05)
    assert [listening(port), listening(server)] == [False, False]
    assert (tmp_path / ".outworx" / ".gitignore").read_text() == "*\n"
    assert len(re.findall(r"^outworx \| ", run.said, re.MULTILINE)) == 4, run.said


def test_it_says_what_it_sets_and_opens_the_page(dev: Callable[..., Dev], tmp_path: Path) -> None:
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    script.chmod(0o755)
    variables = "os.environ['OUTWORX_ENDPOINT'], 'OUTWORX_HOOKS_ENDPOINT' in os.environ"
    shown = f"import os, time; print('PROGRAM', {variables})"
    wait = f"; [time.sleep(0.05) for _ in range(600) if not os.path.exists({str(tmp_path / 'opened')!r})]"
    run = dev(
        *("--port", "0", "--", "python", "-c", shown + wait),
        BROWSER=f"{script} %s",
        OUTWORX_HOOKS_ENDPOINT="https://hooks.outworx.io",
    )
    assert run.process.wait(PATIENCE) == 0
    assert f"PROGRAM {run_address(run)} False" in run.said
    assert f"OUTWORX_ENDPOINT={run_address(run)}" in run.said
    assert "; unset: OUTWORX_HOOKS_ENDPOINT" in run.said
    assert (tmp_path / "opened").read_text().strip() == f"{run_address(run)}/"


def run_address(run: Dev) -> str:
    found = re.search(r"dashboard: (http://\S+)/", run.said)
    assert found is not None, run.said
    return found[1]


def test_an_application_that_cannot_be_imported_ends_it_with_its_own_status(
    dev: Callable[..., Dev], tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text("import no_such_module\n")
    run = dev("--no-open", "--port", "0", "--", "python", "shop.py")
    assert run.process.wait(PATIENCE) == 1
    assert "No module named 'no_such_module'" in run.said
    assert "outworx | the application ended with 1" in run.said


@pytest.mark.parametrize(("signum", "status"), rows([(signal.SIGTERM, 143)], [(signal.SIGINT, 130)]))
def test_a_signal_is_passed_on_and_the_status_says_so(
    dev: Callable[..., Dev], tmp_path: Path, signum: int, status: int
) -> None:
    default = f"signal.signal({signum}, signal.SIG_DFL)"
    code = f"import signal, time; {default}; print('STARTED', flush=True); time.sleep(600)"
    run = dev("--no-open", "--port", "0", "--", "python", "-c", code)
    run.wait_for(lambda: "\nSTARTED" in run.said)
    run.process.send_signal(signum)
    assert run.process.wait(PATIENCE) == status
    assert f"by signal {signum}" in run.said


def test_what_the_application_leaves_behind_ends_too(dev: Callable[..., Dev], tmp_path: Path) -> None:
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    code = f"import subprocess, sys; print('CHILD', {child}.pid)"
    run = dev("--no-open", "--port", "0", "--", "python", "-c", code)
    assert run.process.wait(PATIENCE) == 0
    pid = int(re.search(r"^CHILD (\d+)", run.said, re.MULTILINE)[1])  # type: ignore[index]
    until = time.monotonic() + PATIENCE
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_command_that_does_not_exist_starts_nothing(folder: Path) -> None:
    done = invoked("dev", "--", "uvicron", "shop:app")
    assert done.code == 127
    assert "there is no command 'uvicron'" in done.err
    assert not (folder / ".outworx").exists()


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(folder: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoked("dev", "--port", str(port), "--", "true")
    assert done.code == 2
    assert f"port {port} of 127.0.0.1 is in use" in done.err


def test_the_usual_port_is_not_insisted_on(dev: Callable[..., Dev]) -> None:
    import contextlib
    import socket

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # then another program has it, which does as well
            stack.enter_context(socket.create_server(("127.0.0.1", 4318)))
        run = dev("--no-open", "--", "true")
        assert run.process.wait(PATIENCE) == 0
    assert "port 4318 is in use" in run.said
    assert not run_address(run).endswith(":4318")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "outworx,otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "outworx,console"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "outworx"),
        ({"OTEL_TRACES_EXPORTER": "otlp, outworx"}, "otlp,outworx"),
        # Its own spans go where they went.
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, "outworx"),
    ],
)
def test_what_the_application_has_set_is_kept(environ: dict[str, str], expected: str) -> None:
    found = settings_of("http://127.0.0.1:4318", "shop", {"OTEL_SERVICE_NAME": "payments", **environ})
    assert found["OTEL_TRACES_EXPORTER"] == expected
    assert ("OTEL_EXPORTER_OTLP_ENDPOINT" in found) is (environ == {})
    assert "OTEL_SERVICE_NAME" not in found


def test_the_instrumenting_command_is_not_run_twice() -> None:
    assert instrumented(["opentelemetry-instrument", "python"]) == ["opentelemetry-instrument", "python"]
