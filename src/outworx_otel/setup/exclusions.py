"""URLs that are left alone: the variables that name them, and how they are read."""

from __future__ import annotations

import logging
import os
import re
from typing import Final

from opentelemetry.util.http import ExcludeList

OWN_VARIABLE: Final = "OTEL_PYTHON_OUTWORX_EXCLUDED_URLS"
"""Opens a path: neither verified nor reported."""
GENERAL_VARIABLE: Final = "OTEL_PYTHON_EXCLUDED_URLS"
"""Of OpenTelemetry: spares spans, and no verification."""


_logger = logging.getLogger("outworx_otel")


class Exclusions:
    """What the variables name, as they stand when this is made: our own, else the general one.

    Attributes:
        urls: the paths; None where there are none.
        opens: whether these paths are not verified either.
    """

    __slots__ = ("opens", "urls")

    def __init__(self) -> None:
        own = os.environ.get(OWN_VARIABLE)
        self.opens = own is not None
        text = own if own is not None else os.environ.get(GENERAL_VARIABLE, "")
        self.urls: ExcludeList | None = None
        try:
            self.urls = excluded_urls(text) if text else None
        except re.error as error:
            _logger.error(
                "outworx: %s holds no regular expression, so no URL is excluded: %s",
                OWN_VARIABLE if self.opens else GENERAL_VARIABLE,
                error,
            )

    def name(self, path: str) -> bool:
        """Whether a path is one of them."""
        return self.urls is not None and self.urls.url_disabled(path)


def excluded_urls(text: str) -> ExcludeList:
    """Comma-separated regular expressions, as OpenTelemetry's instrumentors take them.

    An empty one (`"health,"`) is left out: it would match every URL.

    Raises:
        re.error: one is no regular expression.
    """
    return ExcludeList([part.strip() for part in text.split(",") if part.strip()])
