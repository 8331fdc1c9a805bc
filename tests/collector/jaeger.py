"""Jaeger, with everything in memory: takes traces by OTLP, and no metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.receiver import free_port
from support.sender import NO_CERTIFICATES

from .backends import program
from .daemon import Daemon, answers


class Jaeger(Daemon):
    """Asked by its JSON API, the one of its pages."""

    name = "jaeger"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.http_port, self.grpc_port, self.query_port = free_port(), free_port(), free_port()

    @property
    def url(self) -> str:
        """Where OTLP/HTTP goes."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def page(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.query_port}"

    def command(self) -> Sequence[str]:
        path = self.folder / "jaeger.yaml"
        path.write_text(yaml.safe_dump(self._configuration()))
        return [program("jaeger"), f"--config={path}"]

    def is_ready(self) -> bool:
        return answers(f"{self.page}/api/services")

    def services(self) -> list[str]:
        """The services that it has spans of."""
        return self._get("services") or []

    def traces(self, service: str, limit: int = 1500, **filters: Any) -> list[dict[str, Any]]:
        """The newest traces with a span of a service, as its API has them."""
        return self._get("traces", service=service, limit=limit, **filters) or []

    def trace(self, trace_id: str) -> dict[str, Any] | None:
        """One trace, whole; None where it has none of it."""
        answer = httpx.get(f"{self.page}/api/traces/{trace_id}", timeout=30, verify=NO_CERTIFICATES)
        return None if answer.status_code == 404 else answer.raise_for_status().json()["data"][0]

    def spans(self, service: str, **filters: Any) -> list[dict[str, Any]]:
        """The spans of such traces."""
        return [span for trace in self.traces(service, **filters) for span in trace["spans"]]

    def _get(self, what: str, **query: Any) -> Any:
        answer = httpx.get(f"{self.page}/api/{what}", params=query, timeout=30, verify=NO_CERTIFICATES)
        return answer.raise_for_status().json()["data"]

    def _configuration(self) -> dict[str, Any]:
        return {
            "extensions": {
                "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 100_000}}}},
                "jaeger_query": {
                    "storage": {"traces": "memory"},
                    "http": {"endpoint": f"127.0.0.1:{self.query_port}"},
                    "grpc": {"endpoint": f"127.0.0.1:{free_port()}"},
                },
            },
            "receivers": {
                "otlp": {
                    "protocols": {
                        "http": {"endpoint": f"127.0.0.1:{self.http_port}"},
                        "grpc": {"endpoint": f"127.0.0.1:{self.grpc_port}"},
                    }
                }
            },
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query"],
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}},
            },
        }


def tags(span: dict[str, Any]) -> dict[str, Any]:
    """A span's attributes, as its API has them: lists are JSON in a string."""
    return {tag["key"]: tag["value"] for tag in span["tags"]}
