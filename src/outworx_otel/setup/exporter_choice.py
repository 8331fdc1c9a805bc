"""Which exporters `opentelemetry-instrument` is given where nobody has chosen any."""

from __future__ import annotations

from typing import Final

from outworx_otel.process import environment

EXPORTERS: Final = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
BESIDE_THE_DEFAULT: Final = "otlp,outworx"


def added_exporters(environ: environment.Environ | None = None) -> dict[str, str]:
    """Ours beside the default ones, by variable, where a key or an endpoint of ours is set and nothing is chosen.

    Args:
        environ: environment variables; None is the process's own.
    """
    if environment.name_set(*environment.DESTINATION, environ=environ) is None:
        return {}
    if environment.text("OTEL_CONFIG_FILE", environ=environ) is not None:
        return {}
    endpoint = environment.text(*environment.ENDPOINT, environ=environ)
    if endpoint is not None and endpoint == environment.text("OTEL_EXPORTER_OTLP_ENDPOINT", environ=environ):
        return {}  # the default exporter sends there
    return {
        variable: BESIDE_THE_DEFAULT
        for variable in EXPORTERS
        if environment.text(variable, environ=environ) is None
    }
