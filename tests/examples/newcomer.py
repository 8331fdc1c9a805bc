"""What a newcomer has: an environment with just what `pip install` of some extras brings, and an empty folder.

The environment is made of links to the packages that are installed here: nothing is downloaded, and what the extras
do not name is not there.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import venv
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePath

from packaging.requirements import Requirement
from support.receiver import free_port

PATIENCE = 120.0
_SCRIPT = "#!{python}\nimport sys\nfrom {module} import {name}\nsys.exit({name}())\n"
# Ours and OpenTelemetry's would configure what a newcomer has not set; the rest belongs to the test run.
_NOT_INHERITED = ("OTEL_", "OUTWORX_", "PYTEST_", "PYTHON", "COV_", "DJANGO_", "VIRTUAL_ENV")


class Environment:
    """A virtual environment in `folder` with `requirement` and all that it needs.

    Args:
        folder: where it is made.
        requirement: such as `outworx-otel[auto,fastapi]`.
    """

    def __init__(self, folder: Path, requirement: str) -> None:
        venv.create(folder, symlinks=True)
        self.bin = folder / "bin"
        self.python = self.bin / "python"
        (site,) = folder.glob("lib/python*/site-packages")
        for found in _closure(Requirement(requirement)):
            self._link(found, site)

    def command(self, name: str) -> str:
        """The path of a console script."""
        return str(self.bin / name)

    def environ(self, **given: str) -> dict[str, str]:
        """The variables of a shell in which the environment is active."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        return {**kept, "PATH": f"{self.bin}:{kept['PATH']}", "PYTHONUNBUFFERED": "1", **given}

    def run(self, *command: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of this environment to its end."""
        return subprocess.run(  # noqa: S603  # what the README says
            [self.command(command[0]), *command[1:]],
            cwd=cwd,
            env=self.environ(**environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def _link(self, found: Distribution, site: Path) -> None:
        root = Path(str(found.locate_file("")))
        for name in {_unit(root, file) for file in found.files or () if file.parts[0] != ".."}:
            target = site / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.is_symlink():
                target.symlink_to(root / name)
        for entry in found.entry_points:
            if entry.group == "console_scripts":
                script = self.bin / entry.name
                script.write_text(_SCRIPT.format(python=self.python, module=entry.module, name=entry.attr))
                script.chmod(0o755)


def _unit(root: Path, file: PurePath) -> PurePath:
    """What can be linked as a whole: a package, or a file of a namespace that several distributions share."""
    top = PurePath(file.parts[0])
    return top if (root / top / "__init__.py").exists() or top.suffix == ".dist-info" else PurePath(file)


def _closure(requirement: Requirement) -> Iterator[Distribution]:
    """The distribution that is required and, once each, all that it needs with these extras."""
    waiting, seen = [requirement], set()
    named: set[str] = set()
    while waiting:
        one = waiting.pop()
        found = distribution(one.name)
        if one.name.lower() not in named:
            named.add(one.name.lower())
            yield found
        for extra in ("", *one.extras):
            if (one.name.lower(), extra) in seen:
                continue
            seen.add((one.name.lower(), extra))
            for text in found.requires or ():
                needed = Requirement(text)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append(needed)


class Process:
    """A server of the newcomer's, on a free loopback port; its output is in `log()`.

    Args:
        environment: whose.
        command: what to run; `{port}` stands for the port.
        cwd: where.
        environ: the variables that were exported.
    """

    def __init__(self, environment: Environment, command: str, cwd: Path, environ: Mapping[str, str]) -> None:
        self.port = free_port()
        self._file = cwd / f"log-{self.port}.txt"
        name, *arguments = command.format(port=self.port).split()
        with self._file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # what the README says
                [environment.command(name), *arguments],
                cwd=cwd,
                env=environment.environ(**environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """What it has said."""
        return self._file.read_text(encoding="utf-8", errors="replace")

    def wait_until_listening(self) -> None:
        """Returns once the port is taken; fails where the process ends first."""

        def listens() -> bool:
            assert self._process.poll() is None, self.log()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(listens, self.log)

    def terminate(self) -> None:
        """Asks it to end."""
        self._process.terminate()

    def stop(self) -> None:
        """Ends it, and waits until it has sent what it had."""
        self.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_until(holds: Callable[[], bool], said: Callable[[], str]) -> None:
    """Polls until it holds; fails with what was said after a long time."""
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, said()
        time.sleep(0.05)
