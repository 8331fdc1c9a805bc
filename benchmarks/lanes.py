"""The frameworks, by the name that the command line gives them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Final

from benchmarks.calls import Caller
from benchmarks.variants import Variant, switch_on


@dataclass(frozen=True)
class Lane:
    """One framework under one server interface."""

    name: str
    title: str
    framework: str
    builder: str

    def load(self) -> None:
        """Imports the framework, and both sides of the comparison, but switches nothing on."""
        importlib.import_module(f"benchmarks.{self.framework}_lane")
        importlib.import_module("outworx_otel")
        importlib.import_module("opentelemetry.sdk.trace")

    def build(self, variant: Variant, peer_port: int) -> Caller:
        """The application, once in a process."""
        switch_on(variant, self.framework)
        module = importlib.import_module(f"benchmarks.{self.framework}_lane")
        caller: Caller = getattr(module, self.builder)(variant, peer_port)
        return caller


LANES: Final = {
    lane.name: lane
    for lane in (
        Lane("fastapi", "FastAPI (ASGI)", "fastapi", "build"),
        Lane("flask", "Flask (WSGI)", "flask", "build"),
        Lane("django", "Django (WSGI)", "django", "build"),
        Lane("django-async", "Django (ASGI, async views)", "django", "build_async"),
    )
}
