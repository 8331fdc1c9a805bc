"""How the sites are deployed: which server runs which site, and what the environment says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import signature

import pytest
from uvicorn import Config

from support.process import SCRIPTS

INSTRUMENTED = (str(SCRIPTS / "opentelemetry-instrument"),)
SPAWNED = pytest.mark.needs("opentelemetry-instrumentation >=0.63b0")
"""Whose worker processes are spawned, as uvicorn's are: before, the launcher reached none of them."""

OFFICIAL = "fastapi,starlette,flask,django,asgi,wsgi"
OURS = "outworx_fastapi,outworx_starlette,outworx_flask,outworx_django"
NOT_LOADED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_INSTRUMENTED_BY_BOTH = ("fastapi", "starlette", "flask", "django")
_INSTRUMENTED_BY_US = ("aiohttp", "celery", "litestar", "rq")


@dataclass(frozen=True)
class Deployment:
    """A server's command line.

    Args:
        command: what is run; `{port}` stands for the port.
        workers: how many processes serve.
        ready_line: what each of them logs when it does.
        environ: what the site needs.
    """

    command: tuple[str, ...]
    workers: int = 1
    ready_line: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def bare(self) -> Deployment:
        """The same without `opentelemetry-instrument`."""
        assert self.command[:1] == INSTRUMENTED
        return dataclasses.replace(self, command=self.command[1:])

    def beside_all(self) -> Deployment:
        """The same with the instrumentation of every framework that is installed."""
        environ = {name: value for name, value in self.environ.items() if name != NOT_LOADED}
        return dataclasses.replace(self, environ=environ)

    def with_environ(self, **environ: str) -> Deployment:
        """The same with further variables."""
        return dataclasses.replace(self, environ={**self.environ, **environ})


def uvicorn(site: str, *options: str, workers: int = 1) -> Deployment:
    """uvicorn, with worker processes of its own where there is more than one."""
    command = (*INSTRUMENTED, str(SCRIPTS / "uvicorn"), site, "--host", "127.0.0.1", "--port", "{port}")
    if workers > 1:
        command += ("--workers", str(workers))
        if "timeout_worker_healthcheck" in signature(Config).parameters:
            # A worker that has not begun to answer within 5 seconds is killed: too few on a busy machine.
            command += ("--timeout-worker-healthcheck", "60")
    return Deployment((*command, *options), workers, "Application startup complete", _site_environ(site))


def gunicorn(site: str, *options: str, workers: int = 1) -> Deployment:
    """gunicorn, which forks its workers."""
    command = (*INSTRUMENTED, str(SCRIPTS / "gunicorn"), site, "--bind", "127.0.0.1:{port}")
    # No control socket: it would be shared by whatever runs here at the same time.
    command += ("--workers", str(workers), "--no-control-socket", *options)
    return Deployment(command, workers, "Booting worker", _site_environ(site))


def only(framework: str) -> dict[str, str]:
    """The variable that lets `opentelemetry-instrument` load what this framework needs.

    It would import all frameworks that the tests' own environment has: seconds for each process.
    """
    used = {"fastapi", "starlette"} if framework in ("fastapi", "starlette") else {framework}
    others = [name for name in _INSTRUMENTED_BY_BOTH if name not in used]
    ours = [f"outworx_{name}" for name in (*others, *_INSTRUMENTED_BY_US)]
    return {NOT_LOADED: ",".join([*others, *ours])}


def merged(*environs: Mapping[str, str]) -> dict[str, str]:
    """Variables, of which later ones win; what is not to be loaded adds up."""
    together = {name: value for environ in environs for name, value in environ.items()}
    not_loaded = [environ[NOT_LOADED] for environ in environs if NOT_LOADED in environ]
    return {**together, NOT_LOADED: ",".join(not_loaded)} if not_loaded else together


def _site_environ(site: str) -> dict[str, str]:
    settings = {"DJANGO_SETTINGS_MODULE": "django_settings"} if site.startswith("django") else {}
    named = [framework for framework in _INSTRUMENTED_BY_BOTH if framework in site]
    return {**settings, **only(named[0])} if named else settings
