"""`TrackOptions`: what is wanted for one webhook endpoint, checked when it is made."""

from __future__ import annotations

import difflib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Literal, get_args

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.secret_sources import SecretFile, Secrets, from_environment, several, texts

Secret = str | bytes | Sequence[str | bytes]
SecretFunction = Callable[[Any], Secret | Awaitable[Secret | None] | None]
OnConflict = Literal["reject", "wait"]
OnStoreError = Literal["proceed", "reject"]
OnMismatch = Literal["replay", "reject"]
TraceContext = Literal["link", "parent", "ignore"]
SignatureVerifier = Callable[[bytes, Mapping[str, str]], Any | Awaitable[Any]]
KeyFunction = Callable[[Any, Any, Mapping[str, str]], Any | Awaitable[Any]]

DEFAULT_METHODS: Final = ("POST", "PUT", "PATCH")
MIN_TTL: Final = 60
MAX_TTL: Final = 604_800
DEFAULT_MAX_BODY: Final = 10 * 1024 * 1024


@dataclass(frozen=True)
class TrackOptions:
    """What is wanted for one endpoint.

    Args:
        provider: who sends, such as `"stripe"`; any name will do for a provider without a row of its own.
        event_type_header: header that carries the event's type, e.g. `"x-github-event"`.
        event_type_field: dotted path to the type in the JSON or form body, e.g. `"type"`.
        capture_body: put the request's and the answer's body on the span (redacted, 64 KiB each).
        capture_headers: put request headers on the span (redacted, 32 at most).
        metadata: attributes for every delivery's span.
        signature_secret: the provider's signing secret, or several while one is rotated; or, for a secret per
            tenant, `(request) -> secret, secrets or None`, sync or async. What it gives is remembered for 60 s for
            the address that was called (host, path, query), so it must choose by nothing else; None turns the
            delivery away.
        signature_secret_env: the environment variable (or several) that holds it, read at start.
        signature_secret_file: the file that holds it, read again when it changes.
        signature_verifier: `(raw_body, headers) -> bool`, sync or async, instead of a built-in row.
        signature_valid: the verdict of somebody before us (a gateway), or `(request) -> bool`.
        reject_invalid_signatures: answer 401 without running the handler; False reports and goes on.
        signature_tolerance: seconds a signed timestamp may be off; None is the provider's own window,
            `math.inf` none.
        idempotency_key: `(req, body, headers) -> key or None`, True for the provider's own event id, or a path
            such as `"body.id"` or `"header.x-github-delivery"`; `"body"` is the hash of the whole body.
        idempotency_ttl: seconds a finished delivery is remembered, clamped to [60, 604800].
        idempotency_scope: what keys are unique within; None is provider and concrete path.
        idempotency_on_conflict: `"reject"` answers 409 while the first run is under way, `"wait"` waits up to
            2 s for its answer (async handlers).
        idempotency_on_store_error: `"proceed"` runs the handler when the store is down, `"reject"` answers 503.
        idempotency_on_mismatch: `"replay"` answers a known key that comes with another body all the same and
            records it, `"reject"` answers 422.
        require_processing_mark: a 2xx or 3xx answer without a mark is a silent drop.
        diagnose_silent_drops: look for where and why a delivery was dropped.
        methods: the HTTP methods that carry deliveries; others pass untouched. Where signatures are enforced and
            this is left alone, a request with a body is a delivery whatever its method.
        paths: for an app-wide adapter, the paths it concerns itself with (`*` for any rest); None is all.
        max_body_size: bytes; above it 413 where a signature must be verified, else the body is not looked at.
        redact: further header names (`"x-internal-*"`) and JSON paths (`"body.customer.email"`) to hide.
        trace_context: what an inbound `traceparent` is worth where no local span is current: `"link"` to it,
            `"parent"` below it, or `"ignore"` it.
        public_url: the address the provider calls, for schemes that sign it, behind a proxy.
        handshake: answer what the provider asks before its first delivery (docs/handshakes.md). None does so where
            its row has a handshake and the secret that it needs is set, True also where none is needed, False
            never. A name (`"websub"`, `"cloudevents"`) is that protocol's instead of the provider's.
        verify_token: what the provider and this endpoint have agreed on for the handshake (Meta's verify token, a
            WebSub topic), or several; another secret than that of the signatures.
        verify_token_env: the environment variable (or several) that holds it, read at start.

    Raises:
        ConfigurationError: an option cannot be used; the message names it.
    """

    provider: str
    event_type_header: str | None = None
    event_type_field: str | None = None
    capture_body: bool = False
    capture_headers: bool = True
    metadata: Mapping[str, Any] | None = None
    signature_secret: Secret | SecretFunction | None = None
    signature_secret_env: str | Sequence[str] | None = None
    signature_secret_file: str | os.PathLike[str] | None = None
    signature_verifier: SignatureVerifier | None = None
    signature_valid: bool | Callable[[Any], Any] | None = None
    reject_invalid_signatures: bool = True
    signature_tolerance: float | None = None
    idempotency_key: KeyFunction | bool | str | None = None
    idempotency_ttl: float = 86_400
    idempotency_scope: str | None = None
    idempotency_on_conflict: OnConflict = "reject"
    idempotency_on_store_error: OnStoreError = "proceed"
    idempotency_on_mismatch: OnMismatch = "replay"
    require_processing_mark: bool = False
    diagnose_silent_drops: bool = True
    methods: Sequence[str] = DEFAULT_METHODS
    paths: Sequence[str] | None = None
    max_body_size: int = DEFAULT_MAX_BODY
    redact: Sequence[str] = ()
    trace_context: TraceContext = "link"
    public_url: str | None = None
    handshake: bool | str | None = None
    verify_token: str | Sequence[str] | None = None
    verify_token_env: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            problem = check(getattr(self, name))
            if problem is not None:
                raise ConfigurationError(f"{name} {problem}")
        for sources in (SOURCES, TOKEN_SOURCES):
            given = [name for name in sources if getattr(self, name) is not None]
            if len(given) > 1:
                raise ConfigurationError(f"{' and '.join(given)} exclude each other: give one")
        for name in ("signature_secret", "signature_secret_env", *TOKEN_SOURCES):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "methods", tuple(method.upper() for method in self.methods))
        ttl = min(max(self.idempotency_ttl, MIN_TTL), MAX_TTL)
        object.__setattr__(self, "idempotency_ttl", ttl)

    def __repr__(self) -> str:
        """Only what differs from the defaults, and never a secret."""
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is MISSING or value != field.default:
                shown.append(f"{field.name}={'[set]' if field.name in _SECRET else repr(value)}")
        return f"TrackOptions({', '.join(shown)})"

    @property
    def verifies(self) -> bool:
        """Whether deliveries have a signature to check, by whatever means."""
        return any(getattr(self, name) is not None for name in SOURCES)

    def secrets(self) -> Secrets:
        """The secrets that can be had without a request: none where a function gives them.

        Raises:
            ConfigurationError: the variable or the file that is named holds none.
        """
        if self.signature_secret_env is not None:
            return from_environment(self.signature_secret_env)
        if self.signature_secret_file is not None:
            file = SecretFile(self.signature_secret_file)
            if file.problem is not None:
                raise ConfigurationError(file.problem)
            return file.read()
        return () if callable(self.signature_secret) else several(self.signature_secret)

    def verify_tokens(self) -> tuple[str, ...]:
        """The tokens of the handshake; none where it needs none.

        Raises:
            ConfigurationError: a variable that is named holds none.
        """
        if self.verify_token_env is not None:
            tokens = from_environment(self.verify_token_env, "verify_token_env", _TOKEN_REMEDY)
        else:
            tokens = () if self.verify_token is None else texts(self.verify_token)
        return tuple(token.strip() for token in tokens)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], where: str) -> TrackOptions:
        """Options from TOML or Django settings.

        Args:
            mapping: option names and values.
            where: how to call the place in messages, e.g. `outworx.toml, endpoint "/webhooks/stripe"`.

        Raises:
            ConfigurationError: an unknown option (the nearest name is suggested) or a value that is no use.
        """
        if not isinstance(mapping, Mapping):
            raise ConfigurationError(
                f'{where}: options must be a mapping such as {{"provider": "stripe"}}, or TrackOptions, '
                f"not {type(mapping).__name__}"
            )
        given = dict(mapping)
        unknown = [name for name in given if name not in OPTION_NAMES]
        if unknown:
            raise ConfigurationError(f"{where}: {unknown_name('option', str(unknown[0]), OPTION_NAMES)}")
        if "provider" not in given:
            raise ConfigurationError(f'{where}: provider is missing, e.g. provider = "stripe"')
        try:
            return cls(**given)
        except ConfigurationError as error:
            raise ConfigurationError(f"{where}: {error}") from None


# How deliveries may be verified: an endpoint has one of them, or none.
SOURCES: Final = ("signature_secret", "signature_secret_env", "signature_secret_file", "signature_verifier")
TOKEN_SOURCES: Final = ("verify_token", "verify_token_env")
_TOKEN_REMEDY: Final = "what the provider was given as verify token; until then no handshake is confirmed"  # noqa: S105
_SECRET: Final = ("signature_secret", "verify_token")
OPTION_NAMES: Final = tuple(field.name for field in fields(TrackOptions))


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """`unknown option 'provder': did you mean 'provider'?`"""
    nearest = difflib.get_close_matches(name, known, 1, 0.5)
    suggestion = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(sorted(known))}"
    return f"unknown {kind} {name!r}: {suggestion}"


def _check_text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else f"must be a non-empty string, not {value!r}"


def _check_optional_text(value: Any) -> str | None:
    return None if value is None else _check_text(value)


def _check_flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be True or False, not {value!r}"


def _check_secret(value: Any) -> str | None:
    if value is None or callable(value):
        return None
    secrets = [value] if isinstance(value, str | bytes) else value
    if not isinstance(secrets, Sequence) or not all(isinstance(secret, str | bytes) for secret in secrets):
        return f"must be a string, bytes, a list of them or a function, not {type(value).__name__}"
    if not secrets or not all(secret.strip() for secret in secrets):
        return (
            "is empty. Is its environment variable unset? Leave the option out (None) to run without "
            "verification"
        )
    return None


def _check_token(value: Any) -> str | None:
    tokens = [value] if isinstance(value, str) else value
    if value is None or (isinstance(tokens, list | tuple) and tokens and all(map(_is_name, tokens))):
        return None
    return "must be a non-empty string, or several. Is its environment variable unset?"


def _check_handshake(value: Any) -> str | None:
    if value is None or isinstance(value, bool) or _is_name(value):
        return None
    return f"must be True, False or the name of a protocol such as 'websub', not {value!r}"


def _check_variables(value: Any) -> str | None:
    names = [value] if isinstance(value, str) else value
    if value is None or (isinstance(names, list | tuple) and names and all(map(_is_name, names))):
        return None
    return f"must name an environment variable, or several, not {value!r}"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_file(value: Any) -> str | None:
    if value is None or _is_name(value) or isinstance(value, os.PathLike):
        return None
    return f"must be the path of a file, not {value!r}"


def _check_callable(value: Any) -> str | None:
    return None if value is None or callable(value) else f"must be a function, not {type(value).__name__}"


def _check_verdict(value: Any) -> str | None:
    if value is None or isinstance(value, bool) or callable(value):
        return None
    return f"must be True, False or a function of the request, not {value!r}"


def _check_key(value: Any) -> str | None:
    if value is None or value is True or value == "body" or callable(value):
        return None
    if isinstance(value, str) and value.startswith(("body.", "header.")) and not value.endswith("."):
        return None
    return (
        f'must be a function, True, or a path such as "body.id" or "header.x-github-delivery", not {value!r}'
    )


def _check_positive(value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return None
    return f"must be a positive number of seconds, not {value!r}"


def _check_bytes(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return None
    return f"must be a whole number of bytes, 1 or more, not {value!r}"


def _check_tolerance(value: Any) -> str | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
        return None
    return f"must be a number of seconds, 0 or more, or None for the provider's own window, not {value!r}"


def _check_texts(value: Any) -> str | None:
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if listed and all(isinstance(item, str) and item.strip() for item in value):
        return None
    return f"must be a list of strings, not {value!r}"


def _check_mapping(value: Any) -> str | None:
    return None if value is None or isinstance(value, Mapping) else f"must be a mapping, not {value!r}"


def _check_url(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value.startswith(("http://", "https://"))):
        return None
    return f"must be a URL that begins with http:// or https://, not {value!r}"


def _one_of(kind: Any) -> Callable[[Any], str | None]:
    choices = get_args(kind)
    return lambda value: None if value in choices else f"must be one of {', '.join(choices)}, not {value!r}"


_CHECKS: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "provider": _check_text,
    "event_type_header": _check_optional_text,
    "event_type_field": _check_optional_text,
    "capture_body": _check_flag,
    "capture_headers": _check_flag,
    "metadata": _check_mapping,
    "signature_secret": _check_secret,
    "signature_secret_env": _check_variables,
    "signature_secret_file": _check_file,
    "signature_verifier": _check_callable,
    "signature_valid": _check_verdict,
    "reject_invalid_signatures": _check_flag,
    "signature_tolerance": _check_tolerance,
    "idempotency_key": _check_key,
    "idempotency_ttl": _check_positive,
    "idempotency_scope": _check_optional_text,
    "idempotency_on_conflict": _one_of(OnConflict),
    "idempotency_on_store_error": _one_of(OnStoreError),
    "idempotency_on_mismatch": _one_of(OnMismatch),
    "require_processing_mark": _check_flag,
    "diagnose_silent_drops": _check_flag,
    "methods": lambda value: _check_texts(value) or (None if value else "must name a method"),
    "paths": lambda value: None if value is None else _check_texts(value),
    "max_body_size": _check_bytes,
    "redact": _check_texts,
    "trace_context": _one_of(TraceContext),
    "public_url": _check_url,
    "handshake": _check_handshake,
    "verify_token": _check_token,
    "verify_token_env": _check_variables,
}
