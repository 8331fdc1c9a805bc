"""How the tunnel's event loop looks names up.

asyncio does so in threads that it waits for when it ends: with a resolver that hangs, Ctrl+C would take as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import Any

SECONDS = 8.0
"""How long a look-up may take: less than a connection may, so that it is said what was waited for."""


def look_up_apart(loop: asyncio.AbstractEventLoop) -> None:
    """Lets a loop look names up in threads that nobody waits for, and give up after `SECONDS`."""

    async def getaddrinfo(host: Any, port: Any, **kinds: int) -> Any:
        found: asyncio.Future[Any] = loop.create_future()

        def end(result: Any, error: Exception | None) -> None:
            if found.done():
                return
            if error is None:
                found.set_result(result)
            else:
                found.set_exception(error)

        def look() -> None:
            result, failure = None, None
            try:
                result = socket.getaddrinfo(host, port, **kinds)
            except Exception as error:  # noqa: BLE001  # handed to who waits for it
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed by now
                loop.call_soon_threadsafe(end, result, failure)

        threading.Thread(target=look, name="OutworxNameLookup", daemon=True).start()
        try:
            return await asyncio.wait_for(found, SECONDS)
        except (asyncio.TimeoutError, TimeoutError):
            name = host.decode() if isinstance(host, bytes) else host
            raise OSError(
                f"{name} cannot be looked up: the name server has not answered within {SECONDS:g} s"
            ) from None

    loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]  # there is no other way to replace it alone
