"""The building blocks of a signing scheme, and the row that puts them together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from string import Formatter
from typing import Literal, get_args

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.procedure import Procedure
from outworx_otel.signatures.result import ResultKind
from outworx_otel.signatures.urls import as_given
from outworx_otel.signatures.wanted_keys import PublishedProcedure

Layout = Literal["plain", "list", "pairs", "tagged"]
Encoding = Literal["hex", "base64", "base64url", "text"]
Algorithm = Literal[
    "hmac-sha1",
    "hmac-sha256",
    "hmac-sha384",
    "hmac-sha512",
    "hmac-sha1-or-sha256",
    "hmac-sha256-384-512",
    "hash-sha256",
    "hash-sha1-or-sha256",
    "ed25519",
    "ecdsa-p256-sha256",
    "rsa-sha256",
    "token",
]
KeyForm = Literal[
    "utf8",
    "utf8-nfkd",
    "whsec",
    "whsec-or-utf8",
    "base64",
    "hex",
    "sha1",
    "public",
    "user-password",
    "header-value",
]
TimestampUnit = Literal["s", "ms", "auto", "iso8601", "opaque"]
Window = Literal["both", "past", "elapsed"]

MESSAGE_FIELDS = frozenset({"body", "id", "timestamp", "url", "method"})
ASYMMETRIC: frozenset[str] = frozenset({"ed25519", "ecdsa-p256-sha256", "rsa-sha256"})


@dataclass(frozen=True, kw_only=True)
class SignatureScheme:
    """How one provider signs its webhooks.

    Attributes:
        provider: The name used in options, in lower case.
        title: The name for people; made from `provider` when left out.
        signature_header: Where the signature stands. Several names are tried in order, the first one present
            counts; `{n}` in a name stands for the numbers 1 to 100, and then every one present counts.
        timestamp_header: Where the timestamp stands, when it has a header of its own; several as above.
        id_header: The same for the message id.
        layout: `plain`: the header is `prefix` and the signature. `list`: signatures set apart by commas.
            `pairs`: `key=value` items set apart by `separator`. `tagged`: items set apart by spaces, each a version
            tag, a comma and a signature.
        prefix: What stands before a plain signature.
        signature_field: The key, or the tag, of the signatures to look at; there may be several.
        timestamp_field: The key of the timestamp, in `pairs`.
        separator: What stands between `pairs`.
        untagged: In `tagged`, also accept a signature with no tag.
        encoding: How signatures are written. Hex in either case; base64 canonical, its padding optional.
        algorithm: An HMAC, a public-key algorithm, a plain hash that the secret is put into (for procedures), or
            `token` for plain equality with a shared token, or with a user and a password.
        key: How the key is made from the configured secret. `user-password` is written `user:password`.
        own_header: Whether the user may choose the header of a token: the secret is then written
            `Header-Name: value`.
        message: What is signed, as a template of `{body}`, `{timestamp}`, `{id}`, `{url}` and `{method}`.
        timestamp_unit: The unit of the timestamp; `auto`: 13 digits or more are milliseconds, fewer are seconds;
            `opaque` is signed but not looked at.
        timestamp_path: Where the timestamp stands in a JSON body, such as `body.webhookTimestamp`.
        tolerance: How old, in seconds, a signature may be; None for no limit.
        window: What becomes of timestamps in the future: the tolerance bounds them too (`both`), they are not looked
            at (`past`), or there may be none (`elapsed`).
        inclusive: Whether a signature exactly `tolerance` seconds away is still good.
        event_id: The default path of the event id: `body.<field>` or `header.<name>`.
        event_type: The default path of the event type.
        detection_headers: Headers that only this provider sends.
        weaker_headers: Older headers of the same provider with the algorithm they use, for the diagnosis.
        alternatives: Rows that take over when the secret begins with the given text.
        url_forms: The forms of a signed URL that count, when the provider is known to write it differently.
        procedure: For schemes that no template can describe.
        published: For schemes whose keys the provider publishes.
        note: What a user has to know, in one sentence.
        source: The page or file of the vendor that this row follows.
    """

    provider: str
    signature_header: str | tuple[str, ...]
    title: str = ""
    timestamp_header: str | tuple[str, ...] = ()
    id_header: str | tuple[str, ...] = ()
    layout: Layout = "plain"
    prefix: str = ""
    signature_field: str = "v1"
    timestamp_field: str = ""
    separator: str = ","
    untagged: bool = False
    encoding: Encoding = "hex"
    algorithm: Algorithm = "hmac-sha256"
    key: KeyForm = "utf8"
    own_header: bool = False
    message: str = "{body}"
    timestamp_unit: TimestampUnit = "s"
    timestamp_path: str = ""
    tolerance: float | None = None
    window: Window = "both"
    inclusive: bool = True
    event_id: str = ""
    event_type: str = ""
    detection_headers: tuple[str, ...] = ()
    weaker_headers: tuple[tuple[str, Algorithm], ...] = ()
    alternatives: tuple[tuple[str, SignatureScheme], ...] = ()
    url_forms: Callable[[str], tuple[str, ...]] = field(default=as_given, compare=False)
    procedure: Procedure | None = field(default=None, compare=False)
    published: PublishedProcedure | None = field(default=None, compare=False)
    note: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.provider or self.provider != self.provider.strip().lower():
            raise ConfigurationError(f"provider: {self.provider!r} must be a name in lower case")
        for name in ("signature_header", "timestamp_header", "id_header", "detection_headers"):
            object.__setattr__(self, name, _header_names(self.provider, name, getattr(self, name)))
        for name, allowed in _CLOSED_SETS.items():
            if getattr(self, name) not in allowed:
                raise ConfigurationError(
                    f"{self.provider}: {name} must be one of {', '.join(allowed)}, "
                    f"not {getattr(self, name)!r}"
                )
        if self.own_header and self.algorithm != "token":
            raise ConfigurationError(f"{self.provider}: own_header is for tokens, not for {self.algorithm}")
        elsewhere = self.procedure is not None or self.published is not None or self.own_header
        if not self.signature_header and not elsewhere:
            raise ConfigurationError(f"{self.provider}: signature_header must name a header")
        _check_message(self)
        check_tolerance(self.provider, self.tolerance)
        if not self.title:
            object.__setattr__(self, "title", self.provider.replace("_", " ").title())

    @property
    def signs_url(self) -> bool:
        """Whether the public URL of the endpoint is part of what is signed."""
        procedure = self.procedure or self.published
        return "{url}" in self.message or (procedure is not None and procedure.signs_url)

    @property
    def signs_body(self) -> bool:
        """Whether a change of the body is noticed."""
        procedure = self.procedure or self.published
        if procedure is not None:
            return procedure.signs_body
        return "{body}" in self.message and self.algorithm != "token"

    @property
    def kind(self) -> ResultKind:
        """What a valid result of this scheme proves: the body as well, or the sender alone."""
        return "verified" if self.signs_body else "authenticated"

    @property
    def asymmetric(self) -> bool:
        """Whether the secret is a public key, which needs the extra `asymmetric`."""
        return self.algorithm in ASYMMETRIC and self.published is None


_CLOSED_SETS: dict[str, tuple[str, ...]] = {
    "layout": get_args(Layout),
    "encoding": get_args(Encoding),
    "algorithm": get_args(Algorithm),
    "key": get_args(KeyForm),
    "timestamp_unit": get_args(TimestampUnit),
    "window": get_args(Window),
}


def _header_names(provider: str, option: str, names: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        names = (names,) if names else ()
    if not all(isinstance(name, str) and name for name in names):
        raise ConfigurationError(f"{provider}: {option} must be a header name or several")
    return tuple(name.lower() for name in names)


def _check_message(scheme: SignatureScheme) -> None:
    try:
        fields = [name for _, name, _, _ in Formatter().parse(scheme.message) if name is not None]
    except ValueError as error:
        raise ConfigurationError(f"{scheme.provider}: message {scheme.message!r}: {error}") from None
    unknown = sorted(set(fields) - MESSAGE_FIELDS)
    if unknown or fields.count("body") > 1:
        raise ConfigurationError(
            f"{scheme.provider}: message {scheme.message!r} may hold each of "
            f"{', '.join(sorted(MESSAGE_FIELDS))} and {{body}} once"
        )
    dated = scheme.timestamp_header or scheme.timestamp_field
    if scheme.procedure is None and "timestamp" in fields and not dated:
        raise ConfigurationError(f"{scheme.provider}: {{timestamp}} is signed, but no header or field has it")
    if scheme.procedure is None and "id" in fields and not scheme.id_header:
        raise ConfigurationError(f"{scheme.provider}: {{id}} is signed, but id_header names no header")


def check_tolerance(provider: str, tolerance: float | None) -> None:
    """Raise a ConfigurationError unless `tolerance` is None or a number of seconds from 0 to infinity."""
    if tolerance is None:
        return
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float)):
        raise ConfigurationError(f"{provider}: the tolerance must be a number of seconds, not {tolerance!r}")
    if math.isnan(tolerance) or tolerance < 0:
        raise ConfigurationError(f"{provider}: the tolerance must not be negative, it is {tolerance!r}")
