"""A process with every framework imported, which forks workers: so one is there in a moment.

`python -m idempotency.transaction.nursery` reads a site from each line of its input, and writes the worker's process
id and port.
"""

from __future__ import annotations

import contextlib
import gc
import http.client
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from .sites import PATH, Site, serve

TESTS = Path(__file__).parents[2]
_PATIENCE = 60.0
_FIRST = (
    "anyio._backends._asyncio",
    "anyio.streams.memory",
    "asyncpg",
    "django.core.handlers.wsgi",
    "django.db.backends.postgresql.psycopg_any",
    "django.db.backends.sqlite3.base",
    "django.db.models",
    "outworx_otel.export",
    "outworx_otel.integrations.django",
    "outworx_otel.integrations.fastapi",
    "outworx_otel.integrations.flask",
    "pydantic.v1",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.h11_impl",
)


@dataclass
class Worker:
    """A process that serves a site."""

    pid: int
    port: int
    is_killed: bool = False

    def kill(self) -> None:
        """At once."""
        self.is_killed = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def post(self, event: str) -> int | None:
        """The status of a delivery's answer; None if the worker ended before it gave one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        body = json.dumps({"id": event, "type": "charge.succeeded"})
        try:
            connection.request("POST", PATH, body, {"content-type": "application/json"})
            return connection.getresponse().status
        except (ConnectionError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Nursery:
    """Forks workers, and ends them."""

    def __init__(self, log: Path) -> None:
        quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
        with log.open("wb") as file:
            self._process = subprocess.Popen(  # our own module
                [sys.executable, "-m", "idempotency.transaction.nursery"],
                cwd=TESTS,
                env={**os.environ, **quiet},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self._workers: list[Worker] = []

    def worker(self, site: Site) -> Worker:
        """A new one, which may be asked at once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(asdict(site)), file=self._process.stdin, flush=True)
        worker = Worker(**json.loads(self._process.stdout.readline()))
        self._workers.append(worker)
        return worker

    def empty(self) -> None:
        """Ends every worker."""
        for worker in self._workers:
            if not worker.is_killed:
                worker.kill()
        self._workers.clear()

    def close(self) -> None:
        """Ends it and its workers."""
        self.empty()
        self._process.kill()
        self._process.communicate()


def _fork(said: dict[str, Any]) -> dict[str, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    pid = os.fork()
    if pid == 0:
        try:
            # What the parent is told, and tells, is not the worker's.
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            serve(Site(**said), listener)
        except BaseException:  # noqa: BLE001  # it must not go on as the parent does
            traceback.print_exc()
        os._exit(1)
    port: int = listener.getsockname()[1]
    listener.close()
    return {"pid": pid, "port": port}


def _prepare() -> None:
    """What each worker would take its time for: imports, and what a framework makes for its first route."""
    for module in _FIRST:
        importlib.import_module(module)
    FastAPI().post("/")(lambda: None)
    gc.freeze()


def _main() -> None:
    _prepare()
    # Nobody waits for the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        print(json.dumps(_fork(json.loads(line))), flush=True)


if __name__ == "__main__":
    _main()
