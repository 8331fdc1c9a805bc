"""Where telemetry goes: one endpoint, one key, one protocol, validated when it is made."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import logging
import re
import string
from collections.abc import Mapping
from typing import Final, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit, urlunsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.authorization import basic
from outworx_otel.process import environment

Protocol = Literal["otlp", "events", "auto"]

DEFAULT_ENDPOINT: Final = "https://hooks.outworx.io/api/ingest"
DEFAULT_TIMEOUT: Final = 3000
_HOST_AND_PORT: Final = re.compile(r"[\w.-]+:\d+(?:/\S*)?")
_HOSTED: Final = "https://hooks.outworx.io"
STANDARD_ENDPOINT: Final = "http://localhost:4318"
_SIGNAL_PATHS: Final = ("/v1/traces", "/v1/metrics")
# What is shorter stands in too many words to be taken out of a text.
_LEAST_SECRET: Final = 4
_VISIBLE_ASCII: Final = frozenset(string.ascii_letters + string.digits + string.punctuation)

_logger = logging.getLogger("outworx_otel")


@dataclasses.dataclass(frozen=True)
class Destination:
    """A receiver of telemetry.

    Args:
        endpoint: base URL. OTLP goes to `{endpoint}/v1/traces` and `{endpoint}/v1/metrics`, the JSON
            events batch to `{endpoint}` itself. A user and password in it are sent as Basic, a query goes with
            every request, behind the path; the attribute has neither, so that it can be shown.
        api_key: sent as `Authorization: Bearer`; None sends no Authorization at all.
        timeout: milliseconds that one attempt may take.
        protocol: "otlp", "events", or "auto": OTLP until the server says that it knows no OTLP.
        debug: one log line per delivered batch.
        standard: the destination is the one that the standard `OTEL_EXPORTER_OTLP_*` variables name,
            so `OTEL_EXPORTER_OTLP_HEADERS` belong to it. A destination of ours never gets them: they
            hold another vendor's credentials.
        explicit: key or endpoint stand in code, not in the environment.

    Raises:
        ConfigurationError: a value that cannot be used; the message says what to do.
    """

    endpoint: str = DEFAULT_ENDPOINT
    api_key: str | None = dataclasses.field(default=None, repr=False)
    timeout: int = DEFAULT_TIMEOUT
    protocol: Protocol = "auto"
    debug: bool = dataclasses.field(default=False, compare=False)
    standard: bool = False
    explicit: bool = dataclasses.field(default=True, compare=False)
    traces_url: str = dataclasses.field(init=False, repr=False)
    metrics_url: str = dataclasses.field(init=False, repr=False)
    events_url: str = dataclasses.field(init=False, repr=False)
    _basic: Mapping[str, str | None] = dataclasses.field(init=False, repr=False, hash=False)
    _named: Mapping[str, str] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        base = _checked(self.endpoint)
        user, query = basic(base), base.query
        put(self, "endpoint", _shown(base, _base_path(base)))
        if self.api_key is not None:
            put(self, "api_key", _clean_key(self.api_key))
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or self.timeout <= 0:
            raise ConfigurationError(
                f"timeout must be a positive number of milliseconds, not {self.timeout!r}"
            )
        if self.protocol not in get_args(Protocol):
            raise ConfigurationError(
                f"protocol must be 'otlp', 'events' or 'auto', not {self.protocol!r}"
                " (argument protocol, variable OUTWORX_PROTOCOL)"
            )
        put(self, "events_url", _with_query(self.endpoint, query))
        users, named = {}, {}
        for signal, path in zip(("traces", "metrics"), _SIGNAL_PATHS, strict=True):
            own = environment.text(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") if self.standard else None
            if own:
                parts = _checked(own)
                users[signal], named[signal] = basic(parts), _shown(parts, parts.path)
                put(self, f"{signal}_url", _with_query(named[signal], parts.query))
            else:
                users[signal], named[signal] = user, self.endpoint
                put(self, f"{signal}_url", _with_query(self.endpoint + path, query))
        put(self, "_basic", users)
        put(self, "_named", named)
        if self.api_key is not None and any(users.values()):
            raise ConfigurationError(
                "endpoint holds a user name and password, and there is an api_key: a request has one Authorization. "
                "Take them out of the endpoint, or unset the key (OUTWORX_API_KEY)"
            )

    def authorization(self, signal: Literal["traces", "metrics"] = "traces") -> str | None:
        """Returns the header's value: the key, else what the endpoint's user and password make; None for neither."""
        return self._basic[signal] if self.api_key is None else f"Bearer {self.api_key}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no text may show: the key, the password as it is sent, and the query."""
        users = [value.rpartition(" ")[2] for value in self._basic.values() if value]
        queries = [urlsplit(url).query for url in (self.events_url, self.traces_url, self.metrics_url)]
        passwords = [base64.b64decode(value).decode().partition(":")[2] for value in users]
        found = dict.fromkeys([self.api_key or "", *users, *passwords, *queries])
        return tuple(secret for secret in found if len(secret) >= _LEAST_SECRET)

    def shown(self, url: str) -> str:
        """Returns one of its URLs without the query, which may hold a token."""
        return url.partition("?")[0]

    def named(self, signal: Literal["traces", "metrics"]) -> str:
        """Returns the endpoint, or the URL that a variable gives this signal alone; it may be shown."""
        return self._named[signal]

    def is_at(self, endpoint: str | None) -> bool:
        """Returns whether this is the endpoint that a variable names."""
        try:
            other = None if endpoint is None else _checked(endpoint)
        except ConfigurationError:
            return False
        return other is not None and self.events_url == _with_query(
            _shown(other, _base_path(other)), other.query
        )

    @property
    def fingerprint(self) -> str:
        """Names endpoint and key without revealing the key."""
        named = "\0".join((self.events_url, self.traces_url, self.authorization() or ""))
        return hashlib.sha256(named.encode()).hexdigest()

    @classmethod
    def from_environment(
        cls,
        api_key: str | None = None,
        endpoint: str | None = None,
        *,
        timeout: int | None = None,
        protocol: str | None = None,
        debug: bool | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Destination:
        """Fill in what was not given from the environment (`OUTWORX_*`); explicit arguments win.

        With neither key nor endpoint the standard OpenTelemetry variables decide. An empty variable
        counts as an unset one, as everywhere in OpenTelemetry; an empty argument is an error.

        Raises:
            ConfigurationError: a value that cannot be used.
        """
        explicit = api_key is not None or endpoint is not None
        if api_key is None:
            api_key = environment.raw(*environment.API_KEY, environ=environ)
        if endpoint is None:
            endpoint = environment.text(*environment.ENDPOINT, environ=environ)
            if endpoint is not None and _HOST_AND_PORT.fullmatch(endpoint):
                # As the commands take it.
                endpoint = f"http://{endpoint}"
        if protocol is None:
            protocol = environment.text(*environment.PROTOCOL, environ=environ)
            protocol = None if protocol is None else protocol.lower()
        if debug is None:
            debug = environment.is_on(*environment.DEBUG, environ=environ)
        standard_endpoint = (
            environment.text("OTEL_EXPORTER_OTLP_ENDPOINT", environ=environ) or STANDARD_ENDPOINT
        )
        standard = api_key is None and endpoint is None
        if endpoint is None:
            endpoint = standard_endpoint if standard else DEFAULT_ENDPOINT
        return cls(
            endpoint=endpoint,
            api_key=api_key,
            timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
            protocol=cast("Protocol", protocol or ("otlp" if standard else "auto")),
            debug=debug,
            standard=standard,
            explicit=explicit,
        )


def _clean_key(key: str) -> str:
    if not isinstance(key, str):
        raise ConfigurationError(f"api_key must be a string, not {type(key).__name__}")
    stripped = key.strip()
    while len(stripped) >= 2 and stripped[0] == stripped[-1] and stripped[0] in "\"'":
        stripped = stripped[1:-1].strip()
    if not stripped:
        raise ConfigurationError(
            "api_key is empty: pass the key of your project or set OUTWORX_API_KEY;"
            " leave both out to send telemetry where the OTEL_EXPORTER_OTLP_* variables say"
        )
    # The key itself never appears in a message: it ends up in logs.
    if not _VISIBLE_ASCII.issuperset(stripped):
        raise ConfigurationError(
            "api_key contains white space, a control or a non-ASCII character and cannot be sent in a"
            " header: copy the key again, without line breaks or typographic characters"
        )
    if stripped != key:
        _logger.warning("api_key: white space or quotes round it were stripped; check where it is set")
    return stripped


def _base_path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    for ending in _SIGNAL_PATHS:
        if path.endswith(ending):
            _logger.warning("endpoint: %s is added per signal and was taken off; give the base URL", ending)
            path = path.removesuffix(ending)
    if not path and f"{parts.scheme}://{parts.netloc}" == _HOSTED:
        # The address that the commands take: one variable serves them and the application.
        return urlsplit(DEFAULT_ENDPOINT).path
    return path


def _checked(url: str) -> SplitResult:
    cleaned = url.strip() if isinstance(url, str) else ""
    try:
        parts = urlsplit(cleaned)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not cleaned.isascii() or any(c.isspace() or not c.isprintable() for c in cleaned):
        # Not quoted: it may be the key, passed here by mistake.
        raise ConfigurationError(
            f"endpoint must be an http:// or https:// URL such as {DEFAULT_ENDPOINT} (argument endpoint, variable "
            "OUTWORX_ENDPOINT; without either, OTEL_EXPORTER_OTLP_ENDPOINT)"
        )
    if parts.fragment:
        raise ConfigurationError("endpoint must not have a fragment: it is never sent")
    return parts


def _shown(parts: SplitResult, path: str) -> str:
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", ""))


def _with_query(url: str, query: str) -> str:
    return f"{url}?{query}" if query else url
