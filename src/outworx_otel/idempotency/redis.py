"""`redis://`, `rediss://`, `valkey://`: one script per operation, so one round trip; `?cluster=true` for Cluster."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import ConnectionPool
from redis.retry import Retry

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.protocol import Claim, Held
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.redis_on_loop import RedisOnLoop
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
from outworx_otel.idempotency.store_address import StoreAddress, as_flag, as_number
from outworx_otel.process.forks import PerProcess

logger = logging.getLogger("outworx_otel")

T = TypeVar("T")

FIXED: Final = frozenset(
    {
        "connection_class",
        "decode_responses",
        "encoding",
        "encoding_errors",
        "legacy_responses",
        "max_connections",
        "parser_class",
        "protocol",
        "read_from_replicas",
        "retry",
        "retry_on_error",
        "retry_on_timeout",
        "single_connection_client",
        "socket_connect_timeout",
        "socket_timeout",
        "timeout",
    }
)
"""Options of redis-py that the store sets itself: what a URL says of them is passed over."""

# They take an object; of the text that a URL gives redis-py would complain at the first delivery.
_OBJECTS: Final = frozenset(
    {
        "command_packer",
        "credential_provider",
        "driver_info",
        "event_dispatcher",
        "maint_notifications_config",
        "redis_connect_func",
        "socket_keepalive_options",
        "socket_type",
        "ssl_ocsp_context",
    }
)
# Those that redis-py would take as text. It reads the other ones by itself.
_TYPES: Final[dict[str, Callable[[StoreAddress, str], bool | int]]] = {
    "dynamic_startup_nodes": as_flag,
    "socket_read_size": as_number,
    "ssl_validate_ocsp": as_flag,
    "ssl_validate_ocsp_stapled": as_flag,
}
OWN: Final = frozenset({"cluster", "prefix", "connections"})
TAKEN_OUT: Final = OWN | FIXED | _OBJECTS | _TYPES.keys()
"""What is not left in the URL for redis-py to read."""

# Longer than a delivery's budget: a connection that takes its time is made in the background all the same, and the
# next delivery has it.
_CONNECT_SECONDS: Final = 2.0


class RedisBackend:
    """Keys in Redis or Valkey, named `{prefix}:{hash}` with the hash as Cluster's hash tag.

    Args:
        address: its URL, parsed with `TAKEN_OUT`; redis-py's other options are left in the query.
        budget: seconds that one answer may take.
        connections: at most, to each node.
        cluster: the URL names one node of a Cluster.
        prefix: for applications that share a database.

    Raises:
        ConfigurationError: a URL or an option that redis-py does not take.
    """

    def __init__(
        self,
        address: StoreAddress,
        *,
        budget: float,
        connections: int,
        cluster: bool = False,
        prefix: str = "outworx",
    ) -> None:
        self._address = address
        self._cluster = cluster
        self._prefix = prefix
        self._url = _as_redis(address.url)
        self._options: dict[str, Any] = {
            "max_connections": connections,
            "socket_timeout": budget,
            "socket_connect_timeout": _CONNECT_SECONDS,
            "decode_responses": False,
            # RESP3 brings maintenance notifications, which stretch a time-out to 10 s.
            "protocol": 2,
            **{name: typed(address, name) for name, typed in _TYPES.items() if name in address.options},
        }
        fixed = sorted(FIXED & address.options.keys())
        if fixed:
            logger.info("idempotency store %s: its URL's %s is passed over", address.shown, ", ".join(fixed))
        objects = sorted(_OBJECTS & address.options.keys())
        if objects:
            raise ConfigurationError(
                f"idempotency_store {address.shown}: {', '.join(objects)} cannot be given in a URL, only to "
                "redis-py in code: leave it out, or give a store of your own"
            )
        self._validate()
        self._lock = PerProcess(lambda: threading.Lock())
        self.after_fork()

    def after_fork(self) -> None:
        """See `Backend.after_fork`."""
        # redis-py closes what it inherited without a word to the server.
        self._client: Any = None

    def __str__(self) -> str:
        return self._address.shown

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""
        return claim_of(self._run(CLAIM, key, leasing(token, lease)), token)

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        return bool(self._run(RENEW, key, leasing(token, lease)))

    def renew_many(self, held: Sequence[Held], lease: float) -> set[Held]:
        """See `RenewsTogether.renew_many`: one pipeline, in a Cluster one to each node."""
        said = self._pipelined("EVALSHA", RENEW.sha, held, lease)
        unknown = [
            one for one, answer in zip(held, said, strict=True) if isinstance(answer, redis.ResponseError)
        ]
        if unknown:  # the server has lost the script, or never had it
            again = iter(self._pipelined("EVAL", RENEW.text, unknown, lease))
            said = [next(again) if isinstance(answer, redis.ResponseError) else answer for answer in said]
        failure = next((answer for answer in said if isinstance(answer, Exception)), None)
        if failure is not None:
            raise failure
        return {one for one, answer in zip(held, said, strict=True) if not answer}

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        return bool(self._run(COMPLETE, key, completing(token, answer, ttl)))

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        return bool(self._run(RELEASE, key, (token,)))

    def loop_client(self) -> RedisOnLoop | None:
        """See `Backend`; of a Cluster's nodes redis-py alone knows which one has a key."""
        return None if self._cluster else RedisOnLoop(self._url, self._options, self._name)

    def check(self) -> None:
        """See `Backend.check`."""
        self._connected().ping()

    def tidy(self) -> bool:
        """See `Backend.tidy`: the server does it."""
        return False

    def explain(self, error: BaseException) -> str:
        """See `Backend.explain`."""
        return self._address.scrub(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """See `Backend.close`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _pipelined(self, command: str, script: str, held: Sequence[Held], lease: float) -> list[Any]:
        def work() -> list[Any]:
            with self._connected().pipeline(transaction=False) as pipeline:
                for key, token in held:
                    pipeline.execute_command(command, script, 1, self._name(key), *leasing(token, lease))
                answers: list[Any] = pipeline.execute(raise_on_error=False)
            return answers

        return _twice(work)

    def _name(self, key: str) -> str:
        return f"{self._prefix}:{{{key}}}"

    def _run(self, script: Script, key: str, arguments: Arguments) -> Any:
        name = self._name(key)
        client = self._connected()
        return _twice(lambda: self._evaluate(client, script, name, arguments))

    def _evaluate(self, client: Any, script: Script, name: str, arguments: Arguments) -> Any:
        try:
            return client.evalsha(script.sha, 1, name, *arguments)
        except redis.exceptions.NoScriptError:
            return client.eval(script.text, 1, name, *arguments)

    def _connected(self) -> Any:
        if self._client is None:
            with self._lock():
                if self._client is None:
                    self._client = self._make()
        return self._client

    def _make(self) -> Any:
        retry = Retry(NoBackoff(), 0)
        if not self._cluster:
            return redis.Redis(
                connection_pool=ConnectionPool.from_url(self._url, retry=retry, **self._options)
            )
        options = dict(self._options)
        if int(redis.__version__.split(".")[0]) < 6:
            options["cluster_error_retry_attempts"] = 0
        return RedisCluster.from_url(self._url, retry=retry, require_full_coverage=False, **options)

    def _validate(self) -> None:
        try:
            pool = ConnectionPool.from_url(self._url, **self._options)
            pool.connection_class(**pool.connection_kwargs)
        except (TypeError, ValueError, redis.RedisError) as error:
            raise ConfigurationError(f"idempotency_store {self}: {self.explain(error)}") from None
        if self._cluster and pool.connection_kwargs.get("db"):
            raise ConfigurationError(f"idempotency_store {self}: a Cluster has database 0 only")


def _twice(work: Callable[[], T]) -> T:
    """Once more where the server was restarted or a node failed over since the last operation.

    Each script may run twice.
    """
    try:
        return work()
    except redis.AuthenticationError:
        raise
    except (redis.ConnectionError, redis.exceptions.ClusterError):
        return work()
    except redis.TimeoutError as error:
        raise TimeoutError(str(error)) from error


def _as_redis(url: str) -> str:
    scheme = urlsplit(url).scheme
    return {"valkey": "redis", "valkeys": "rediss"}.get(scheme, scheme) + url[len(scheme) :]
