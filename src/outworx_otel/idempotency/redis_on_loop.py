"""Redis on an asyncio event loop: the same scripts, over redis-py's asyncio connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from outworx_otel.idempotency.protocol import Claim
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.redis_scripts import (
    CLAIM,
    COMPLETE,
    RELEASE,
    RENEW,
    Arguments,
    Script,
    claim_of,
    completing,
    leasing,
)


class RedisOnLoop:
    """See `LoopClient`. It has no client and no pool of redis-py's: those cost as much as the round trip.

    Args:
        url: as redis-py takes it.
        options: of each connection.
        name: makes a key's name in Redis.
    """

    def __init__(self, url: str, options: dict[str, Any], name: Callable[[str], str]) -> None:
        self._url = url
        # The caller keeps the time: redis-py would make a task for each thing that it sends.
        self._options = {**options, "socket_timeout": None}
        self._name = name
        self._pool: Any = None

    async def connect(self) -> redis.asyncio.Connection:
        """See `LoopClient.connect`."""
        if self._pool is None:
            retry = Retry(NoBackoff(), 0)
            self._pool = redis.asyncio.ConnectionPool.from_url(self._url, retry=retry, **self._options)
        connection: redis.asyncio.Connection = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # redis-py gives no types
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def close(self, connection: redis.asyncio.Connection) -> None:
        """See `LoopClient.close`."""
        await connection.disconnect(nowait=True)

    async def claim(self, connection: redis.asyncio.Connection, key: str, token: str, lease: float) -> Claim:
        """See `LoopClient.claim`."""
        return claim_of(await self._run(connection, CLAIM, key, leasing(token, lease)), token)

    async def renew(self, connection: redis.asyncio.Connection, key: str, token: str, lease: float) -> bool:
        """See `LoopClient.renew`."""
        return bool(await self._run(connection, RENEW, key, leasing(token, lease)))

    async def complete(
        self, connection: redis.asyncio.Connection, key: str, token: str, answer: StoredAnswer, ttl: float
    ) -> bool:
        """See `LoopClient.complete`."""
        return bool(await self._run(connection, COMPLETE, key, completing(token, answer, ttl)))

    async def release(self, connection: redis.asyncio.Connection, key: str, token: str) -> bool:
        """See `LoopClient.release`."""
        return bool(await self._run(connection, RELEASE, key, (token,)))

    async def _run(
        self, connection: redis.asyncio.Connection, script: Script, key: str, arguments: Arguments
    ) -> Any:
        name = self._name(key)
        await connection.send_command("EVALSHA", script.sha, 1, name, *arguments)
        try:
            return await connection.read_response()
        except redis.exceptions.NoScriptError:
            await connection.send_command("EVAL", script.text, 1, name, *arguments)
            return await connection.read_response()
