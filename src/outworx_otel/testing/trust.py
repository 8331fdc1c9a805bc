"""For tests that call a marked handler directly, without a request that could be verified."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from outworx_otel.setup.admission import set_trusted

Function = TypeVar("Function", bound=Callable[..., Any])


class trusted:
    """Lets handlers that are marked with `@webhook(..., signature_secret=...)` run outside a verified delivery.

    `with trusted():` round the calls, or `@trusted()` on a test, sync or async. It opens nothing else: what comes in
    as a request is verified as always.
    """

    def __init__(self) -> None:
        self._leave: list[Callable[[], object]] = []

    def __enter__(self) -> None:
        self._leave.append(set_trusted())

    def __exit__(self, *error: object) -> None:
        self._leave.pop()()

    def __call__(self, function: Function) -> Function:
        """The function with all that it does trusted."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def trusting_async(*args: Any, **kwargs: Any) -> Any:
                with trusted():
                    return await function(*args, **kwargs)

            return trusting_async  # type: ignore[return-value]  # the same signature

        @functools.wraps(function)
        def trusting(*args: Any, **kwargs: Any) -> Any:
            with trusted():
                return function(*args, **kwargs)

        return trusting  # type: ignore[return-value]  # the same signature
