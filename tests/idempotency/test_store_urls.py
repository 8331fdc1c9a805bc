"""Which URL means which store, what is said of one that means none, and what is never said."""

# ruff: noqa: S603, S105 - our own program texts, and a password made up for this

from __future__ import annotations

import inspect
import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from redis.connection import AbstractConnection, Connection, ConnectionPool
from support.databases import RedisServer, free_port

from outworx_otel.errors import ConfigurationError, StoreError
from outworx_otel.idempotency import (
    Claimed,
    Completed,
    GuardedStore,
    MemoryStore,
    open_store,
    register_store,
)

from .scale import PATIENT

SECRET = "p%40ss-w0rd"
PLAIN = "p@ss-w0rd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://cache.example", "rediss://cache.example"),
        ("valkey://localhost", "valkey://localhost"),
        ("valkeys://localhost?ssl_cert_reqs=none", "valkeys://localhost"),
        ("redis://localhost:7000?cluster=true&prefix=shop", "redis://localhost:7000"),
        ("redis://[::1]:6379", "redis://[::1]:6379"),
        ("postgresql+psycopg://user@db/name", "postgresql+psycopg://db/name"),
        ("postgres://user@db/name?sslmode=require&table=keys", "postgres://db/name"),
    ],
)
def test_remote_stores_are_made_without_connecting(url: str, shown: str) -> None:
    store = open_store(url)
    assert isinstance(store, GuardedStore)
    assert repr(store) == f"<GuardedStore {shown}>"


def test_memory_takes_its_bounds() -> None:
    store = open_store("memory://?max_records=2&max_bytes=100000")
    assert isinstance(store, MemoryStore)
    for number in range(5):
        store.claim(str(number), "token", 30)
    assert store.records == 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "no URL"),
        ("redis", "no URL"),
        ("redis:localhost", "no URL"),
        ("http://localhost", "http:// is not supported"),
        ("reddis://localhost", "did you mean redis://"),
        ("postgresql+psycopg2://db/x", r"did you mean postgresql\+?.*://"),
        ("mysql://db/x", "Use memory://, sqlite:///path"),
        ("django-cache://default", "no compare-and-set"),
        ("redis+sentinel://host", "Sentinel is not supported"),
        ("memory://?max_recods=3", "max_records and max_bytes"),
        ("memory://?max_records=none", "whole number"),
        ("memory://somewhere", "nothing else"),
        ("sqlite://", "needs a path"),
        ("sqlite:///:memory:", "needs a path"),
        ("sqlite://keys.db", "three slashes"),
        ("sqlite:////nowhere/at/all/keys.db", "directory does not exist"),
        ("sqlite:///keys.db?table=a;b", "no plain name"),
        ("redis://localhost?no_such_option=1", "no_such_option"),
        ("redis://localhost?cluster=perhaps", "true or false"),
        ("redis://localhost/3?cluster=true", "database 0 only"),
        ("redis://localhost?connections=0", "whole number"),
        ("redis://localhost:port", "no URL"),
        ("redis://localhost?socket_read_size=many", "socket_read_size='many' must be a whole number"),
        ("redis://localhost?ssl_validate_ocsp=perhaps", "must be true or false"),
        ("redis://localhost?connections=" + "9" * 5000, "whole number"),
        ("postgresql://localhost/x?schema=public", 'invalid connection option "schema"'),
        ("postgresql://localhost/x?pool_size=5", 'invalid connection option "pool_size"'),
        ("postgresql://localhost/x?sslmood=require", "sslmood"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        f"redis://user:{SECRET}@127.0.0.1:{{port}}/0",
        f"redis://:{SECRET}@127.0.0.1:{{port}}?cluster=true",
        f"redis://127.0.0.1:{{port}}?password={SECRET}",
        f"postgresql+psycopg://user:{SECRET}@127.0.0.1:{{port}}/x",
        f"postgresql+psycopg://user@127.0.0.1:{{port}}/x?password={SECRET}",
    ],
)
def test_a_password_is_in_no_repr_log_or_error(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = open_store(url.format(port=free_port()))
    said = [repr(store), str(vars(store))]
    for _ in range(5):
        with pytest.raises(StoreError) as caught:
            store.claim("key", "token", 30)
        said.append("".join(traceback.format_exception(caught.value)))
    with pytest.raises(StoreError) as caught:
        store.check()
    said.append("".join(traceback.format_exception(caught.value)))
    said.append(caplog.text)
    for text in said:
        assert SECRET not in text
        assert PLAIN not in text
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        f"redis//user:{SECRET}@host",
        f"user:{SECRET}@host",
        f"rediss://user:{SECRET}@host:port",
        f"redis://user:{SECRET}@host?no_such_option=1",
        f"redis://user:{SECRET}@host/1?cluster=true",
        f"mysql://user:{SECRET}@host",
        f"redis://user:{SECRET}[@host",
        f"postgresql+psycopg://user:{SECRET}@host:port/x",
        f"sqlite://user:{SECRET}@host/x",
    ],
)
def test_a_password_is_in_no_complaint_about_its_url(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_store(url)
    said = "".join(traceback.format_exception(caught.value))
    for source_line in traceback.format_tb(caught.value.__traceback__):
        said = said.replace(source_line, "")
    assert SECRET not in said
    assert PLAIN not in said


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("redis://localhost", "redis", "redis"),
        ("redis://localhost?cluster=true", "redis", "redis"),
        ("sqlite:///keys.db", "sqlalchemy", "sql"),
        ("postgresql+psycopg://localhost/x", "sqlalchemy", "sql"),
        ("postgresql+psycopg://localhost/x", "psycopg", "sql"),
    ],
)
def test_a_missing_client_library_is_an_error_that_names_the_extra(url: str, module: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from outworx_otel.errors import ConfigurationError\n"
        "from outworx_otel.idempotency import open_store\n"
        f"try: open_store({url!r})\n"
        "except ConfigurationError as error: print(error)\n"
    )
    source = Path(__file__).parents[2] / "src"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"pip install 'outworx-otel[{extra}]'" in ran.stdout
    assert repr(module) in ran.stdout


def test_importing_the_package_imports_no_client_library_and_starts_nothing() -> None:
    code = (
        "import sys, threading\n"
        "import outworx_otel.idempotency\n"
        "print([m for m in ('redis', 'sqlalchemy', 'psycopg', 'trio') if m in sys.modules], threading.active_count())"
    )
    source = Path(__file__).parents[2] / "src"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "[] 1\n"


REDIS_OPTIONS = (
    "decode_responses=true",
    "decode_responses=false",
    "encoding=latin-1",
    "protocol=3",
    "max_connections=1",
    "socket_timeout=0.000001",
    "socket_connect_timeout=0.000001",
    "single_connection_client=true",
    "retry_on_timeout=yes",
    "health_check_interval=1&client_name=shop&encoding_errors=ignore",
    "socket_read_size=4096",
    "parser_class=x&connection_class=y&retry=z&retry_on_error=z&legacy_responses=true&timeout=0.01",
)


@pytest.mark.parametrize("options", REDIS_OPTIONS)
def test_no_option_of_redis_py_breaks_what_the_store_relies_on(
    options: str, redis_server: RedisServer, answer: Any
) -> None:
    store = open_store(f"{redis_server.url}?prefix={abs(hash(options))}&{options}", budget=5)
    assert store.claim("key", "token", 30) == Claimed("token")
    assert store.renew("key", "token", 30)
    assert store.complete("key", "token", answer, 60)
    assert store.claim("key", "other", 30).answer == answer  # type: ignore[union-attr]
    store.close()


# A password is for a server that has one; the names of the library are given up.
OTHERS = {
    name
    for kind in (AbstractConnection, Connection, ConnectionPool)
    for name in inspect.signature(kind.__init__).parameters
} - {"self", "kwargs", "connection_kwargs", "username", "password", "lib_name", "lib_version"}


@pytest.mark.parametrize("value", ["1", "true", "x"])
def test_an_option_of_redis_py_works_or_is_refused_at_once(
    value: str, redis_server: RedisServer, answer: Any
) -> None:
    """All that there are; none may fail at the first delivery only."""
    taken = []
    for name in sorted(OTHERS):
        try:
            store = open_store(f"{redis_server.url}?prefix={name}{value}&{name}={value}", budget=PATIENT)
        except ConfigurationError as error:
            assert name in str(error)  # noqa: PT017
            continue
        assert store.claim("key", "token", 30) == Claimed("token"), name
        assert store.complete("key", "token", answer, 60), name
        assert store.claim("key", "other", 30) == Completed(answer), name
        taken.append(name)
        store.close()
    assert {"client_name", "socket_keepalive", "decode_responses"} <= set(taken)


def test_an_option_that_is_passed_over_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "outworx_otel"):
        open_store(f"redis://:{SECRET}@localhost?decode_responses=true&protocol=3")
        open_store(f"postgresql://me:{SECRET}@localhost/x?autocommit=false")
    said = [record.message for record in caplog.records]
    assert "decode_responses, protocol is passed over" in said[0]
    assert "autocommit is passed over" in said[1]
    assert SECRET not in caplog.text


def test_a_registered_scheme_is_opened_with_the_whole_url() -> None:
    given: list[str] = []

    def opener(url: str) -> MemoryStore:
        given.append(url)
        return MemoryStore()

    register_store("DynamoDB", opener)
    assert isinstance(open_store("dynamodb://keys/table?region=eu"), MemoryStore)
    assert isinstance(open_store("DYNAMODB://keys"), MemoryStore)
    assert given == ["dynamodb://keys/table?region=eu", "DYNAMODB://keys"]


def test_the_nearest_scheme_is_suggested_registered_ones_included() -> None:
    register_store("dynamodb", lambda url: MemoryStore())
    with pytest.raises(ConfigurationError, match="did you mean dynamodb://"):
        open_store("dinamodb://keys")
    with pytest.raises(ConfigurationError, match="did you mean sqlite://"):
        open_store("sqllite:///keys.db")
    with pytest.raises(ConfigurationError, match="no URL"):
        open_store("dynamodb")


@pytest.mark.parametrize("scheme", ["", "a b", "1st", "x://", "redis", "Memory", "transaction"])
def test_a_scheme_that_is_none_or_ours_is_not_registered(scheme: str) -> None:
    with pytest.raises(ConfigurationError, match="register_store"):
        register_store(scheme, lambda url: MemoryStore())


def test_an_instance_is_as_good_as_a_url() -> None:
    for store in (MemoryStore(), GuardedStore(MemoryStore())):  # type: ignore[arg-type]  # has no `tidy`
        assert open_store(store) is store


class Half:
    """Somebody's first try."""

    instant = False

    def claim(self, key: str, token: str, lease: float) -> None: ...


class Awaited(MemoryStore):
    async def claim(self, key: str, token: str, lease: float) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Half(), "Half lacks renew, complete, .*; GuardedStore|Half lacks renew, complete"),
        (object(), "lacks claim.*instant"),
        (None, "NoneType lacks claim"),
        (b"redis://localhost", "bytes lacks"),
        (MemoryStore, r"the class MemoryStore: give an instance, MemoryStore\(\.\.\.\)"),
        (Awaited(), "Awaited.claim must not be async"),
    ],
    ids=["half", "object", "none", "bytes", "class", "async"],
)
def test_an_object_that_is_no_store_is_told_what_it_lacks(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        open_store(given)
    register_store("own", lambda url: given)
    with pytest.raises(ConfigurationError, match="the opener of own:// gave"):
        open_store("own://")
