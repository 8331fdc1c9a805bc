"""Prometheus, with its own OTLP receiver: takes metrics, and no traces."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.receiver import free_port
from support.sender import NO_CERTIFICATES

from .backends import program
from .daemon import Daemon, answers


class Prometheus(Daemon):
    """One, with the rules of some files.

    Args:
        rules: files of rules, evaluated every second.
        options: of the command line, feature flags for instance.
    """

    name = "prometheus"

    def __init__(self, folder: Path, rules: Sequence[Path] = (), options: Sequence[str] = ()) -> None:
        super().__init__(folder)
        self.port = free_port()
        self._rules = rules
        self._options = options

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where OTLP/HTTP goes."""
        return f"{self.page}/api/v1/otlp"

    def command(self) -> Sequence[str]:
        path = self.folder / "prometheus.yml"
        settings = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [str(rule) for rule in self._rules],
        }
        path.write_text(yaml.safe_dump(settings))
        return [
            program("prometheus"),
            f"--config.file={path}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-otlp-receiver",
            *self._options,
        ]

    def is_ready(self) -> bool:
        return answers(f"{self.page}/-/ready")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query finds: series with `metric` and `value`."""
        return self._get("query", query=expression)["result"]

    def value(self, expression: str) -> float:
        """The sum of what it finds; 0 where it finds nothing."""
        return sum(float(series["value"][1]) for series in self.query(expression))

    def query_range(self, expression: str, seconds: float = 300, step: float = 5) -> list[dict[str, Any]]:
        """The same over the last `seconds`, as a dashboard asks."""
        now = time.time()
        return self._get("query_range", query=expression, start=now - seconds, end=now, step=step)["result"]

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that are pending or firing."""
        return self._get("alerts")["alerts"]

    def _get(self, what: str, **query: Any) -> dict[str, Any]:
        answer = httpx.get(f"{self.page}/api/v1/{what}", params=query, timeout=30, verify=NO_CERTIFICATES)
        said = answer.json()
        assert said["status"] == "success", f"{query}: {said}"
        return said["data"]
