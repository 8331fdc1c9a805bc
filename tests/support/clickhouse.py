"""A ClickHouse that is not there: its HTTP interface over chdb's engine, as a process of its own on loopback."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from typing import Any

from support.clickhouse_server import switch
from support.databases import Server

PASSWORD = "secret of the tests"  # noqa: S105  # of nobody
_TESTS = Path(__file__).parents[1]


ENGINE = "chdb-core-lite >=26.5"
"""What tests need: `@pytest.mark.needs(ENGINE)`."""


class ClickHouse(Server):
    """Can be killed, started again with what it has, hung (`SIGSTOP`), and told to answer badly.

    Args:
        database: the one that `url` names.
    """

    def __init__(self, database: str = "default") -> None:
        super().__init__()
        self.database = database

    @property
    def url(self) -> str:
        return f"clickhouse://default:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{self.database}"

    def command(self) -> list[str]:
        options = ("--port", str(self.port), "--path", str(self.folder / "data"), "--password", PASSWORD)
        return [sys.executable, "-m", "support.clickhouse_server", *options]

    def options(self) -> dict[str, Any]:
        return {"cwd": _TESTS}

    def answers(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status != 200:
                raise ConnectionError("it answers badly")
        finally:
            connection.close()

    def client(self, **more: Any) -> Any:
        """The library's own client, for what a test does by itself."""
        import clickhouse_connect

        who = {"username": "default", "password": PASSWORD, "database": self.database, **more}
        who.setdefault("send_receive_timeout", 60)
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **who)

    def fault(self, kind: str, **more: Any) -> None:
        """See `clickhouse_server.Fault`."""
        switch(self.port, "faults", kind=kind, **more)

    def well(self) -> None:
        """No fault any more."""
        switch(self.port, "faults")

    def profile(self, **settings: str) -> None:
        """The settings that its user has; without any those of the engine."""
        switch(self.port, "profile", **settings)
