"""The Collector, with a file of collector-config/."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.receiver import free_port
from support.sender import NO_CERTIFICATES

from .backends import CONFIGURATION, program
from .daemon import Daemon

READY = "Everything is ready."


class Collector(Daemon):
    """One, as users run it: the file as it is, and a second one that moves its ports.

    Args:
        folder: of this one alone; the queues are below it.
        file: of collector-config/.
        environ: the variables that the file takes.
        changes: what a further `--config` says.
    """

    name = "otelcol"

    def __init__(
        self,
        folder: Path,
        file: str,
        environ: Mapping[str, str],
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        self.http_port, self.grpc_port, self.metrics_port = free_port(), free_port(), free_port()
        self.storage = folder / "queues"
        super().__init__(
            folder,
            {
                "OUTWORX_COLLECTOR_STORAGE": str(self.storage),
                "OUTWORX_COLLECTOR_METRICS_PORT": str(self.metrics_port),
                **environ,
            },
        )
        self._files = [CONFIGURATION / file, self._second("ports", self._ports())]
        if changes is not None:
            self.change(changes)

    def change(self, changes: Mapping[str, Any]) -> None:
        """What the next start reads after the rest."""
        self._files[2:] = [self._second("changes", changes)]

    def command(self) -> Sequence[str]:
        return [program("otelcol"), *(f"--config={path}" for path in self._files)]

    def run(self) -> Collector:
        self._before = self.log().count(READY)
        return super().run()

    def is_ready(self) -> bool:
        return self.log().count(READY) > self._before

    @property
    def url(self) -> str:
        """Where applications send by HTTP."""
        return f"http://127.0.0.1:{self.http_port}"

    def metric(self, name: str, **labels: str) -> float:
        """A metric of its own page, added up over the series with these labels."""
        page = httpx.get(
            f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10, verify=NO_CERTIFICATES
        ).text
        total = 0.0
        for series, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", page, re.MULTILINE):
            if all(f'{label}="{wanted}"' in series for label, wanted in labels.items()):
                total += float(value)
        return total

    def queued(self, exporter: str) -> float:
        """How much of its bound an exporter's queue holds, in bytes."""
        return self.metric("otelcol_exporter_queue_size", exporter=f"otlp_http/{exporter}")

    def _ports(self) -> dict[str, Any]:
        protocols = {"http": self.http_port, "grpc": self.grpc_port}
        return {
            "receivers": {
                "otlp": {
                    "protocols": {name: {"endpoint": f"127.0.0.1:{port}"} for name, port in protocols.items()}
                }
            }
        }

    def _second(self, name: str, said: Mapping[str, Any]) -> Path:
        path = self.folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(dict(said)))
        return path
