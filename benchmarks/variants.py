"""What is compared: the same application, each time with something else round its webhook."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

from benchmarks.deliveries import HOOK_PATH, SECRET


class Variant(str, Enum):
    """One way to run the application; every one has a process of its own."""

    BARE = "bare"
    FLOOR = "floor"
    OURS = "ours"
    MARKED = "ours+mark"
    OFFICIAL = "official"
    PEER = "peer"
    PEER_TYPED = "peer+type"
    DOOR = "door"

    @property
    def verifies(self) -> bool:
        """Whether a forged delivery is turned away."""
        return self not in (Variant.BARE, Variant.OFFICIAL)

    @property
    def is_part(self) -> bool:
        """Whether it is a part of ours alone, timed on the route that is no webhook."""
        return self is Variant.DOOR

    @property
    def is_peer(self) -> bool:
        """Whether it needs the published SDK."""
        return self in (Variant.PEER, Variant.PEER_TYPED)


_PEER_KEY = "ohk_" + "0" * 32


def switch_on(variant: Variant, framework: str) -> None:
    """Does for ours what an application does at its start; nothing for the others."""
    if variant not in (Variant.OURS, Variant.MARKED, Variant.DOOR):
        return
    # Named one by one: `instrument()` would also import the frameworks that are not being measured.
    from outworx_otel.setup.bootstrap import prepare
    from outworx_otel.setup.options import TrackOptions

    options = TrackOptions(
        "stripe", signature_secret=SECRET, require_processing_mark=variant is Variant.MARKED
    )
    prepare(strict=True, endpoints={HOOK_PATH: options})
    if framework == "fastapi":
        from outworx_otel.integrations.fastapi import FastAPIInstrumentor as Instrumentor
    elif framework == "flask":
        from outworx_otel.integrations.flask import FlaskInstrumentor as Instrumentor
    else:
        from outworx_otel.integrations.django import DjangoInstrumentor as Instrumentor
    Instrumentor().instrument(skip_dep_check=True)
    if variant is Variant.DOOR:
        for patch in Instrumentor.patches:
            if not _is_door(patch):
                patch.remove()


_DOORS = (
    "Starlette.__call__",
    "Flask.__call__",
    "Flask.wsgi_app",
    "BaseHandler.get_response",
    "BaseHandler.get_response_async",
)


def _is_door(patch: Any) -> bool:
    owner = getattr(patch, "_owner", None)
    return owner is not None and f"{owner.__name__}.{patch._name}" in _DOORS


def peer_options(variant: Variant, port: int) -> dict[str, Any]:
    """Starts the published SDK against a loopback ingest, and gives its options for the same endpoint.

    Ours and the floor report the event's type and size; on Flask and Django the SDK does so only with both of the
    further options, as its page shows for Django.
    """
    import outworx_hooks  # type: ignore[import-untyped]  # it has no types

    outworx_hooks.init(api_key=_PEER_KEY, endpoint=f"http://127.0.0.1:{port}/api/ingest")
    options = {"provider": "stripe", "signature_secret": SECRET}
    return (
        options if variant is Variant.PEER else {**options, "event_type_field": "type", "capture_body": True}
    )


def has_peer() -> bool:
    """Whether outworx-hooks is installed."""
    from importlib.util import find_spec

    return "outworx_hooks" in sys.modules or find_spec("outworx_hooks") is not None
