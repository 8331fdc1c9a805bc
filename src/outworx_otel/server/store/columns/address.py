"""The URL of a store of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.store.database import shown

CLICKHOUSE: Final = "clickhouse"
CHDB: Final = "chdb"
_OPTIONS: Final = frozenset({"cluster", "secure", "ca_cert", "table", "timeout"})
ANSWERS_WITHIN: Final = 30
"""Seconds that an answer is waited for where the URL says nothing."""

_LONGEST: Final = 600
# They stand in statements that take no parameters.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


class Address(NamedTuple):
    """Where it is.

    Args:
        shown: as messages show it, without the password.
        path: of chDB's folder; None where it is a server.
        database: the name that the tables are in.
        cluster: the cluster that they are spread over; None where they are on one server.
        arguments: what the client takes.
        table: the collector's, which is only read; None where the tables are our own.
        seconds: how long an answer is waited for.
    """

    shown: str
    path: Path | None
    database: str
    cluster: str | None
    arguments: dict[str, Any]
    table: str | None = None
    seconds: int = ANSWERS_WITHIN


def is_column_store(url: str) -> bool:
    """Whether a URL names one."""
    return url.partition(":")[0] in (CLICKHOUSE, CHDB)


def address_of(url: str) -> Address:
    """Reads a URL.

    Raises:
        ConfigurationError: it cannot be used; the message holds no password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f"database: this is no URL of a database; use {CLICKHOUSE}://user:password@host:8123/name or"
            f" {CHDB}:///path"
        ) from None
    return _of_chdb(parsed) if parsed.drivername == CHDB else _of_clickhouse(parsed)


def _of_chdb(url: URL) -> Address:
    options = {name: value for name, value in url.query.items() if isinstance(value, str)}
    table, database = options.pop("table", None), options.pop("database", "outworx")
    # Our own tables are always in the same one.
    is_known = not options and (table is not None or "database" not in url.query)
    if url.host or url.username or not is_known or not url.database:
        raise ConfigurationError(
            f"database: {CHDB}:// takes a path after three slashes, and nothing else: {CHDB}:///outworx-columns"
        )
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"database: the folder {path.parent} does not exist: make it, or give another path"
        )
    _check_names(url, {"table=": table, "database=": database})
    return Address(shown(url), path, database, None, {}, table)


def _of_clickhouse(url: URL) -> Address:
    unknown = sorted(url.query.keys() - _OPTIONS)
    if unknown:
        raise ConfigurationError(
            f"database {shown(url)}: {unknown[0][:40]}= is not known: there are {', '.join(sorted(_OPTIONS))}"
        )
    options = {name: value for name, value in url.query.items() if isinstance(value, str)}
    if len(options) != len(url.query):
        raise ConfigurationError(f"database {shown(url)}: an option is given twice")
    if not url.host or not url.database:
        raise ConfigurationError(
            f"database: {CLICKHOUSE}:// takes a host and a name: {CLICKHOUSE}://user:password@host:8123/name"
        )
    cluster, table = options.get("cluster"), options.get("table")
    _check_names(url, {"the name of the database": url.database, "cluster=": cluster, "table=": table})
    if cluster and table:
        raise ConfigurationError(
            f"database {shown(url)}: cluster= is for tables of our own; table= names the collector's, which may be a"
            " Distributed one"
        )
    secure = options.get("secure", "false")
    if secure not in ("true", "false"):
        raise ConfigurationError(f"database {shown(url)}: secure= is true or false")
    arguments: dict[str, Any] = {
        "host": url.host,
        "port": url.port or (8443 if secure == "true" else 8123),
        "username": url.username or "default",
        "password": url.password or "",
        "interface": "https" if secure == "true" else "http",
    }
    if "ca_cert" in options:
        arguments["ca_cert"] = options["ca_cert"]
    timeout = options.get("timeout", str(ANSWERS_WITHIN))
    if not (timeout.isascii() and timeout.isdigit() and 2 <= int(timeout) <= _LONGEST):
        raise ConfigurationError(
            f"database {shown(url)}: timeout= is how many seconds an answer is waited for, from 2 to {_LONGEST}"
        )
    return Address(shown(url), None, url.database, cluster, arguments, table, int(timeout))


def _check_names(url: URL, names: Mapping[str, str | None]) -> None:
    for what, name in names.items():
        if name is not None and not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"database {shown(url)}: {what} may have letters, digits, - and _, and begins with a letter"
            )
