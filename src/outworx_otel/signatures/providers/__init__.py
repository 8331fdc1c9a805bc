"""One file, or one folder, for each provider.

`PROVIDER` in it is the row with its source, samples and secrets. A file is imported when its provider is first asked
for, so `_index.py` says, for all of them, what there is and which headers give them away; it is written by
`python -m docs_build`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from outworx_otel.signatures.provider import WebhookProvider


@cache
def load(name: str) -> WebhookProvider:
    """The provider whose file has this name."""
    provider: WebhookProvider = import_module(f"{__name__}.{name}").PROVIDER
    return provider
