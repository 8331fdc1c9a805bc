"""Which URL means which store, what is said of one that means none, and what is never said."""

# ruff: noqa: S603, S105 - our own program texts, and a password made up for this

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from outworx_otel.errors import ConfigurationError, StoreError
from outworx_otel.idempotency import GuardedStore, MemoryStore, open_store

from .servers import free_port

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
