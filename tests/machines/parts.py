"""The programs of a deployment, each on a machine of its own; each can be killed, hung and started again."""

from __future__ import annotations

import http.client
import os
import pwd
import socket
import sys
from pathlib import Path
from typing import Any, Final

import psycopg
import redis
from support.databases import PostgresServer, RedisServer, Server
from support.process import SCRIPTS

from .network import Machine

KEY: Final = "owx_machines-key"
SITES: Final = Path(__file__).parent / "sites"
SOURCE: Final = Path(__file__).parents[2] / "src"
GATEWAY: Final = Path(__file__).parents[2] / "collector-config" / "gateway.yaml"


class On(Server):
    """A server on a machine.

    Args:
        machine: where it runs.
        port: what it listens on.
        environ: variables besides the inherited ones that are not about this project.
    """

    path = "/healthz"

    def __init__(self, machine: Machine, port: int, **environ: str) -> None:
        super().__init__(port)
        self.machine = machine
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
        }
        self._environ = {**inherited, "PYTHONUNBUFFERED": "1", **environ}

    @property
    def url(self) -> str:
        return f"http://{self.machine.address}:{self.port}"

    def options(self) -> dict[str, Any]:
        return {"env": self._environ, "cwd": self.folder}

    def answers(self) -> None:
        self.machine.do(self._call)

    def _call(self) -> None:
        connection = http.client.HTTPConnection(self.machine.address, self.port, timeout=5)
        try:
            connection.request("GET", self.path)
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


class Application(On):
    """The site, under uvicorn."""

    def command(self) -> list[str]:
        program = str(SCRIPTS / "uvicorn")
        listen = ("--host", "0.0.0.0", "--port", str(self.port), "--no-access-log")  # noqa: S104  # its own network
        return self.machine.command(program, "machines_site:app", *listen)


class Serve(On):
    """`outworx serve`."""

    def __init__(self, machine: Machine, database: str) -> None:
        super().__init__(machine, 4318)
        self._database = database

    def command(self) -> list[str]:
        options = ("--host", "0.0.0.0", "--port", str(self.port), "--database", self._database)  # noqa: S104
        return self.machine.command(
            *(sys.executable, "-m", "outworx_otel.cli", "serve", *options, "--api-key", KEY)
        )


class Gateway(On):
    """A collector with the file that is shipped for gateways."""

    def __init__(self, machine: Machine, program: Path, outworx: str) -> None:
        nobody = "http://127.0.0.1:9"
        super().__init__(
            machine,
            4318,
            OUTWORX_HOOKS_ENDPOINT=outworx,
            OUTWORX_HOOKS_API_KEY=KEY,
            OTLP_BACKEND_ENDPOINT=nobody,
            OTLP_METRICS_ENDPOINT=nobody,
        )
        self._program = program
        self._environ["OUTWORX_COLLECTOR_STORAGE"] = str(self.folder / "queue")

    def command(self) -> list[str]:
        return self.machine.command(str(self._program), "--config", str(GATEWAY))

    def _call(self) -> None:
        socket.create_connection((self.machine.address, self.port), 5).close()


class Redis(RedisServer):
    """Redis that keeps what it said it has."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    @property
    def url(self) -> str:
        return f"redis://{self.machine.address}:{self.port}/0"

    def command(self) -> list[str]:
        anywhere = ("--bind", "0.0.0.0", "--protected-mode", "no")  # noqa: S104  # its own network
        durable = ("--appendonly", "yes", "--appendfsync", "always")
        return self.machine.command(*super().command(), *anywhere, *durable)

    def client(self) -> Any:
        return redis.Redis(self.machine.address, self.port, protocol=2, socket_timeout=5)

    def answers(self) -> None:
        self.machine.do(super().answers)


class Postgres(PostgresServer):
    """PostgreSQL that takes connections from other machines."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(listen_addresses="*", fsync="on")
        self.machine = machine

    @property
    def url(self) -> str:
        return super().url.replace("127.0.0.1", self.machine.address)

    def command(self) -> list[str]:
        rules = self.folder / "data" / "pg_hba.conf"
        everybody = "host all all all trust\n"
        if everybody not in rules.read_text():
            with rules.open("a") as file:
                file.write(everybody)
        user = pwd.getpwnam(str(self._user))
        # `ip` is root's, and PostgreSQL refuses to be.
        become = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        return self.machine.command(*become, *super().command())

    def options(self) -> dict[str, Any]:
        # `initdb` runs here, and the server there.
        return {"cwd": "/"} if (self.folder / "data" / "PG_VERSION").exists() else super().options()

    def connect(self) -> psycopg.Connection[Any]:
        return self.machine.do(super().connect)
