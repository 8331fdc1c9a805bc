"""Sample deliveries of every provider: their shapes are the providers', their values are made up.

`<provider>/<event>.json` or `.form` is one payload, `<provider>/provider.json` what all of them have in common. A
directory in the path of an event is a slash in its name (`shopify/orders/create.json`).
"""

from outworx_otel.cli.trigger.samples.catalogue import (
    Sample,
    UnknownSample,
    find,
    listed,
    providers_with_samples,
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
    "providers_with_samples",
    "render",
]
