"""The application in front of a collector, with the standard exporter and nothing of ours in its code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from support.deployment import only, uvicorn
from support.process import Server

SITES: Final = Path(__file__).parent / "sites"
SERVICE: Final = "shop"
CONFIGURATION: Final = """
[endpoints."/hooks/*"]
provider = "github"
signature_secret_env = "GITHUB_SECRET"
"""


def open_shop(
    serve: Callable[..., Server], endpoint: str, workers: int = 2, more: str = "", **environ: str
) -> Server:
    """Starts it, as docs/collector.md says.

    Args:
        more: further options of its endpoints, in TOML.
        environ: another exporter or protocol, say.
    """
    deployment = uvicorn("shop:app", workers=workers)
    standard = {
        **only("fastapi"),
        "PYTHONPATH": str(SITES),
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        # Sooner than users want it, so that no test waits.
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
    }
    return serve(deployment, configuration=CONFIGURATION + more, **{**standard, **environ})
