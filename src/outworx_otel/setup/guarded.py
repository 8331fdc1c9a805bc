"""What stands in the place of a handler that is guarded.

A file of its own: importing wrapt takes as long as the rest, and who marks nothing that verifies needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import wrapt

from outworx_otel.setup.endpoints import Endpoint

if TYPE_CHECKING:
    from outworx_otel.setup.guarding import Guard


class Guarded(wrapt.FunctionWrapper):  # type: ignore[type-arg,misc,unused-ignore]  # its stubs came with wrapt 2
    """A handler behind its guard. Signature, name, annotations and colour are the handler's own."""

    def __init__(self, handler: Any, guard: Guard, whole_class: bool = False) -> None:
        super().__init__(handler, guard)
        self._self_endpoint: Endpoint | None = None if whole_class else guard.endpoint
        self._self_whole_class = whole_class

    def __getattr__(self, name: str) -> Any:
        # Before 0.38, Starlette asks whatever looks like a routine for it, and an object has none.
        if name == "__name__":
            return type(self.__wrapped__).__name__
        return super().__getattr__(name)

    @property
    def __outworx_webhook__(self) -> Endpoint | None:
        """The mark of this guard: the function behind it may be marked for another route as well."""
        return self._self_endpoint

    @__outworx_webhook__.setter
    def __outworx_webhook__(self, endpoint: Endpoint) -> None:
        self._self_endpoint = endpoint


class GuardedAsync(Guarded):
    """The same for an object whose `__call__` is a coroutine function: frameworks look at that to tell its colour."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await super().__call__(*args, **kwargs)
