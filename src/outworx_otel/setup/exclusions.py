"""URLs that are left alone: the variables that name them, and how they are read."""

from __future__ import annotations

from typing import Final

from opentelemetry.util.http import ExcludeList

OWN_VARIABLE: Final = "OTEL_PYTHON_OUTWORX_EXCLUDED_URLS"
"""Opens a path: neither verified nor reported."""
GENERAL_VARIABLE: Final = "OTEL_PYTHON_EXCLUDED_URLS"
"""Of OpenTelemetry: spares spans, and no verification."""


def excluded_urls(text: str) -> ExcludeList:
    """Comma-separated regular expressions, as OpenTelemetry's instrumentors take them.

    An empty one (`"health,"`) is left out: it would match every URL.

    Raises:
        re.error: one is no regular expression.
    """
    return ExcludeList([part.strip() for part in text.split(",") if part.strip()])
