"""Each example runs by the commands of its README, and its signed deliveries are processed and told."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.arrivals import Span, await_spans
from support.commands import invoked, quiet_environment
from support.databases import RedisServer
from support.receiver import Receiver, free_port

from .conftest import ROOT
from .newcomer import wait_until

EXAMPLES = ROOT / "examples"
SCRIPTS = Path(sys.executable).parent


@dataclasses.dataclass(frozen=True)
class Told:
    """What the spans of an example's deliveries say, in the order of their arrival."""

    outcomes: list[str]
    statuses: list[str]
    processes: int = 0


ONE = Told(["accepted"], ["completed"])
RUN = {
    "fastapi_app": Told(["accepted"] * 2, ["completed"] * 2),
    "flask_app": ONE,
    "django_app": ONE,
    "starlette_app": ONE,
    "aiohttp_app": ONE,
    "litestar_app": ONE,
    "celery_deferral": Told(["deferred"], ["deferred"], processes=1),
    "secret_per_tenant": Told(["accepted"] * 2, ["completed"] * 2),
    "several_providers": Told(["accepted"] * 3, ["completed"] * 3),
    "once_in_your_database": Told(["accepted", "replayed"], ["completed"]),
}


class Example:
    """A copy of an example's folder, and what its README says; ports are free ones.

    Args:
        name: of its folder.
        folder: where the copy is made.
        addresses: what takes the place of an address in the README.
    """

    def __init__(self, name: str, folder: Path, addresses: dict[str, str]) -> None:
        self.folder = folder / name
        shutil.copytree(EXAMPLES / name, self.folder, ignore=shutil.ignore_patterns("__pycache__", "*.db"))
        text = (self.folder / "README.md").read_text(encoding="utf-8")
        for written, real in addresses.items():
            text = text.replace(written, real)
        started, sent = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        lines = [shlex.split(line, comments=True) for line in started.splitlines()]
        given = [word for words in lines for word in words[1:] if words[0] == "export"]
        self.variables = dict(word.split("=", 1) for word in given)
        self.commands = [
            [word for word in words if word != "&"]
            for words in lines
            if words[0] not in ("export", "pip", "outworx")
        ]
        self.triggers = [shlex.split(line, comments=True)[1:] for line in sent.splitlines()]

    @contextlib.contextmanager
    def running(self, port: int) -> Iterator[None]:
        """Its processes, until all of them have ended."""
        log = self.folder / "log"
        environ = {**quiet_environment(), **self.variables, "PYTHONUNBUFFERED": "1"}
        environ["PATH"] = f"{SCRIPTS}{os.pathsep}{environ['PATH']}"
        with log.open("wb") as out, contextlib.ExitStack() as ended:
            for command in self.commands:
                process = subprocess.Popen(  # noqa: S603  # what the README says
                    [str(SCRIPTS / command[0]), *command[1:]],
                    cwd=self.folder,
                    env=environ,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
                ended.callback(process.wait, 30)
                ended.callback(process.terminate)

            def listens() -> bool:
                assert process.poll() is None, log.read_text()
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            wait_until(listens, log.read_text)
            yield


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver().start()
    yield started
    started.stop()


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a real server, for the example that has a queue."""
    if "celery_deferral" not in request.node.name:
        yield ""
        return
    server = RedisServer()
    try:
        yield server.start().url
    finally:
        server.remove()


@pytest.mark.parametrize("name", RUN)
def test_it_runs_by_its_readme_and_its_deliveries_are_processed(
    name: str, receiver: Receiver, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    addresses = {"8000": str(port), "http://127.0.0.1:4318": receiver.endpoint}
    example = Example(name, tmp_path, {**addresses, "redis://127.0.0.1:6379/0": redis_url})
    monkeypatch.chdir(example.folder)
    for variable, value in example.variables.items():
        monkeypatch.setenv(variable, value)
    expected = RUN[name]
    with example.running(port):
        for trigger in example.triggers:
            done = invoked(*trigger)
            assert done.code == 0, f"{done.out}{done.err}{(example.folder / 'log').read_text()}"
        forged = httpx.post(f"http://127.0.0.1:{address_of(example.triggers[0])}", json={}, timeout=20)
        assert forged.status_code == 401
        count = len(expected.outcomes) + 1
        deliveries = await_spans(receiver, count, lambda span: span.name.startswith("webhook "))
        processes = await_spans(receiver, expected.processes, lambda span: span.name == "process")
    told = [said(span) for span in deliveries if span.short("outcome") != "rejected"]
    assert [outcome for outcome, _ in told] == expected.outcomes
    assert [status for _, status in told if status is not None] == expected.statuses
    assert [said(span)[1] for span in processes] == ["completed"] * expected.processes


def address_of(trigger: list[str]) -> str:
    return trigger[trigger.index("--to") + 1]


def said(span: Span) -> tuple[Any, Any]:
    return span.short("outcome"), span.short("processing.status")


def test_its_tests_pass(tmp_path: Path) -> None:
    folder = tmp_path / "pytest_plugin"
    shutil.copytree(EXAMPLES / "pytest_plugin", folder, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(  # noqa: S603  # what the README says
        [str(SCRIPTS / "pytest"), "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=quiet_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_every_example_is_listed_and_has_a_readme() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for name in folders if f"({name})" not in listed} == set()
    assert {name for name in folders if not (EXAMPLES / name / "README.md").exists()} == set()
    assert folders - {"pytest_plugin", "silent_drops"} == set(RUN)
