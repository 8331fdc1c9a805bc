"""Sample deliveries of every provider, which its own file or folder in `signatures/providers` describes."""

from outworx_otel.cli.trigger.samples.catalogue import (
    Sample,
    UnknownSample,
    find,
    listed,
)
from outworx_otel.cli.trigger.samples.changes import Change, changed, parse_change
from outworx_otel.cli.trigger.samples.rendering import Rendered, render

__all__ = [
    "Change",
    "Rendered",
    "Sample",
    "UnknownSample",
    "changed",
    "find",
    "listed",
    "parse_change",
    "render",
]
