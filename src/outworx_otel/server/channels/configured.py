"""Reads the channels out of the server's configuration file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.channel_tables import ChannelTables
from outworx_otel.server.channels.channel import Channel, Way
from outworx_otel.server.channels.command import Command
from outworx_otel.server.channels.services import Service, unusable
from outworx_otel.server.channels.webhook import PROVIDER, Webhook
from outworx_otel.server.problems.alert import RULES
from outworx_otel.setup.options import unknown_name
from outworx_otel.signatures.signing import sign

MAX_CHANNELS: Final = 32
_WAYS: Final = ("url", "url_env", "webhook", "command")
_KNOWN: Final = ("name", *_WAYS, "secret_env", "rules", "services")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,63}")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9]{0,31}(?=://)")


def read_channels(file: ChannelTables, environ: Mapping[str, str] | None = None) -> tuple[Channel, ...]:
    """The channels that a file names.

    Args:
        file: what it says of them.
        environ: environment variables; None is the process's own.

    Raises:
        ConfigurationError: one of them cannot be used; the message names the file, the line and the option.
    """
    environ = os.environ if environ is None else environ
    tables = file.tables
    if len(tables) > MAX_CHANNELS:
        raise ConfigurationError(f"{file.shown}: {len(tables)} channels, {MAX_CHANNELS} are the most")
    channels: list[Channel] = []
    for number, table in enumerate(tables):
        try:
            channel = _channel(table, environ)
            if any(channel.name == other.name for other in channels):
                raise _Wrong(
                    "name", f"there is another channel called {channel.name!r}: give each its own name"
                )
        except _Wrong as wrong:
            raise file.error(number, wrong.key, wrong.said) from None
        channels.append(channel)
    _check_services(file, channels)
    return tuple(channels)


class _Wrong(Exception):
    def __init__(self, key: str, said: str) -> None:
        self.key, self.said = key, said


def _channel(table: Mapping[str, Any], environ: Mapping[str, str]) -> Channel:
    for key in table:
        if key not in _KNOWN:
            raise _Wrong(key, unknown_name("key", key, _KNOWN))
    given = [key for key in _WAYS if key in table]
    if len(given) != 1:
        raise _Wrong(given[1] if given else "", f"give one of {', '.join(_WAYS)}, and one only")
    if "secret_env" in table and given != ["webhook"]:
        raise _Wrong("secret_env", "it signs a webhook, and nothing else")
    kind, way = _way(given[0], table, environ)
    name = table.get("name", kind)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Wrong("name", "must be 1 to 64 letters, digits, spaces, '_', '.' or '-'")
    rules, services = _texts(table, "rules"), _texts(table, "services")
    for rule in rules:
        if rule not in RULES:
            raise _Wrong("rules", unknown_name("rule", rule, RULES))
    return Channel(name, kind, way, rules, services)


def _way(key: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, Way]:
    value = table[key]
    if key == "command":
        arguments = _texts(table, "command")
        if not arguments:
            raise _Wrong("command", 'must name a program: ["prog", "arg"]')
        return "command", Command(arguments)
    # From here on the value is never shown: it may be a secret.
    if not isinstance(value, str) or not value.strip():
        raise _Wrong(key, "must be a text that is not empty")
    if key == "webhook":
        return "webhook", _webhook(value, table, environ)
    url = _variable(key, value, environ) if key == "url_env" else value
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise _Wrong(key, "is no URL of Apprise's, such as slack://... or mailto://...: see appriseit.com")
    return scheme[0], Service(url)


def _webhook(url: str, table: Mapping[str, Any], environ: Mapping[str, str]) -> Webhook:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        raise _Wrong("webhook", "must be an http:// or https:// URL in ASCII")
    if parts.username is not None:
        raise _Wrong(
            "webhook", "may hold no user and password: they are not sent. The signature says who calls"
        )
    if "secret_env" not in table:
        raise _Wrong("", "webhook needs secret_env: the variable with the secret that signs it")
    secret = _variable("secret_env", table["secret_env"], environ)
    try:
        sign(PROVIDER, b"", secret)
    except ConfigurationError as error:
        raise _Wrong("secret_env", f"the variable's secret cannot sign: {error}") from None
    return Webhook(url, secret)


def _variable(key: str, name: Any, environ: Mapping[str, str]) -> str:
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise _Wrong(key, "must be the name of an environment variable")
    value = environ.get(name, "").strip()
    if not value:
        raise _Wrong(key, f"the variable {name} is not set")
    return value


def _texts(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(text, str) and text.strip() for text in values):
        raise _Wrong(key, 'must be a list of texts: ["a", "b"]')
    if key in table and not values:
        raise _Wrong(key, "is empty: leave it out where all are meant")
    if any("\0" in text for text in values):
        raise _Wrong(key, "contains a NUL character")
    return tuple(values)


def _check_services(file: ChannelTables, channels: Sequence[Channel]) -> None:
    """Asks Apprise once for all of its URLs."""
    services = [(number, one.way) for number, one in enumerate(channels) if isinstance(one.way, Service)]
    if not services:
        return
    try:
        refused = unusable([way.url for _, way in services])
    except ConfigurationError as error:
        raise file.error(services[0][0], "url", str(error)) from None
    for place, (number, _) in enumerate(services):
        if place in refused:
            said = (
                f"Apprise cannot use this {channels[number].kind}:// URL: see appriseit.com for what it needs"
            )
            raise file.error(number, "url", said)
