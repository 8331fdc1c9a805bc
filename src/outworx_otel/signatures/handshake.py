"""Handshakes: what a provider asks before it delivers anything, and how it is answered, as rows of a table.

A handshake that signs its challenge with the key of the deliveries would sign a delivery for whoever sends that as a
challenge. So each such row says what a challenge may look like (`allowed`), and that is never what is signed
elsewhere with the same key.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from outworx_otel.http.headers import Headers

Proof = Literal["none", "signature", "token"]
Key = Literal["", "secret", "verify_token", "both"]

MAX_CHALLENGE: Final = 1024
MAX_BODY: Final = 16 * 1024
_MAX_QUERY: Final = 8 * 1024
_MAX_PARAMETERS: Final = 64
_PRINTABLE: Final = r"[\x20-\x7e]+"
_ABSENT: Final = object()


class HandshakeRequest:
    """A request, as the rows look at it. Its query and its body are read when the first row asks for them.

    Args:
        headers: of the request.
        url: gives the URL, or the spellings it may have had; it may raise.
        body: the exact bytes; None where nobody has read them.
        document: gives the parsed body.
    """

    def __init__(
        self,
        headers: Headers,
        url: Callable[[], str | tuple[str, ...]],
        body: bytes | None = None,
        document: Callable[[], Any] = lambda: None,
    ) -> None:
        self.headers = headers
        self.body = body
        self._url = url
        self._document = document

    @cached_property
    def url(self) -> str:
        """The likeliest spelling of the URL."""
        try:
            url = self._url()
        except Exception:  # noqa: BLE001  # a Host that the framework does not take
            return ""
        return url if isinstance(url, str) else next(iter(url), "")

    @cached_property
    def query(self) -> Mapping[str, str | None]:
        """The query's parameters; None for one that comes twice, so that nobody reads another one than we."""
        text = self.url.partition("?")[2]
        if not text or len(text) > _MAX_QUERY:
            return {}
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
        except ValueError:
            return {}
        found: dict[str, str | None] = {}
        for name, value in pairs:
            found[name] = None if name in found else value
        return found

    def at(self, path: str) -> Any:
        """What stands at `header.<name>`, `query.<name>` or `body.<field>.<n>`; `_ABSENT` where nothing does."""
        place, _, name = path.partition(".")
        if place == "header":
            return self.headers.get(name, _ABSENT)
        if place == "query":
            return self.query.get(name, _ABSENT)
        value = self._document()
        for step in name.split(".") if name else ():
            if isinstance(value, Mapping):
                value = value.get(step, _ABSENT)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return _ABSENT
        return value


class Keys(NamedTuple):
    """What an answer may be computed with.

    Attributes:
        secret: the signing secret; empty where there is none.
        verify_token: the first of the endpoint's; "" where it has none.
        address: of the endpoint, without a query.
    """

    secret: bytes
    verify_token: str
    address: str


class Confirmation(NamedTuple):
    """The answer that the provider waits for; `handed_over` is the key that it gave, for the operator alone."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    handed_over: str | None = None


class Refusal(NamedTuple):
    """The answer to what looks like a handshake and is none that may be confirmed."""

    status: int
    reason: Literal["credentials_mismatch", "missing_secret", "refused_challenge", "unconfirmed"]
    hint: str


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """One question, and its answer. Paths are `header.<name>`, `query.<name>` or `body.<field>`, dotted further.

    Attributes:
        method: That the question comes with.
        when: What must stand where; a request without it is no handshake.
        present: Where something must stand, whatever it is.
        absent: Where nothing may.
        only: The names that a body has, all of them and no others.
        challenge: Where the challenge stands; "" where there is none.
        allowed: What a challenge may look like, a regular expression for all of it; 1 KiB at most. Anything else
            is refused.
        proof: What shows that the provider asks: a delivery's `signature`, the `token` that both sides know, or
            nothing.
        shared: Where that token stands. It is one of the endpoint's `verify_token`.
        key: What `make` needs.
        make: Computes what the answer's `{made}` stands for.
        status: Of the answer.
        text: The answer's body; `{challenge}` and `{made}` are filled in.
        document: The same as JSON.
        headers: The answer's headers, filled in likewise.
        refusal: The status for a wrong token.
        asked: Whether the endpoint must say `handshake = true`, although all that is needed is there.
        hands_over: What the challenge is, where it is a secret that the operator has to keep.
        before: Is done before the answer, with the request's parsed body; off the event loop. Where it raises,
            nothing is confirmed, and the answer is 503.
        bare_rejection: Whether a wrong signature must be answered without a body.
        source: The vendor's page or code.
    """

    method: str = "POST"
    when: Mapping[str, Any] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    challenge: str = ""
    allowed: str = _PRINTABLE
    proof: Proof = "none"
    shared: str = ""
    key: Key = ""
    make: Callable[[HandshakeRequest, Keys, str], str] | None = None
    status: int = 200
    text: str = ""
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    refusal: int = 403
    asked: bool = False
    hands_over: str = ""
    before: Callable[[Any], object] | None = None
    bare_rejection: bool = False
    source: str = ""

    @cached_property
    def reads_body(self) -> bool:
        """Whether the body tells it from a delivery."""
        return bool(self.only) or any(path.startswith("body") for path in self._paths)

    @property
    def needs_token(self) -> bool:
        """Whether the endpoint must have a `verify_token`."""
        return self.proof == "token" or self.key in ("verify_token", "both")

    @property
    def needs_secret(self) -> bool:
        """Whether the answer is made with the signing secret."""
        return self.key in ("secret", "both")

    @property
    def _paths(self) -> tuple[str, ...]:
        return (*self.when, *self.present, self.challenge, self.shared)

    @cached_property
    def _marks(self) -> tuple[bytes, ...]:
        """What such a body has in it as bytes, so that hardly any other is parsed."""
        names = {path.rpartition(".")[2] for path in self._paths if path.startswith("body.")} | self.only
        words = [
            value for path, value in self.when.items() if path.startswith("body.") and value.__class__ is str
        ]
        # Words first: hardly any other body has them.
        return tuple(word.encode() for word in (*words, *sorted(names)) if not word.isdecimal())

    @cached_property
    def _headers(self) -> tuple[str, ...]:
        """The headers that such a request has."""
        paths = (*self.when, *self.present, self.challenge)
        return tuple(path[7:] for path in paths if path.startswith("header."))

    def is_likely(self, headers: Headers, body: bytes | None) -> bool:
        """Whether a request may be this question, by a glance: nothing is parsed, for nearly all are deliveries."""
        for name in self._headers:
            if name not in headers:
                return False
        if self.reads_body:
            if body is None or len(body) > MAX_BODY:
                return False
            for mark in self._marks:
                if mark not in body:
                    return False
        return True

    def fits(self, request: HandshakeRequest) -> bool:
        """Whether a request is this question; it proves nothing."""
        if not self.is_likely(request.headers, request.body):
            return False
        for path, expected in self.when.items():
            found = request.at(path)
            if found.__class__ is not expected.__class__ or found != expected:
                return False
        if self.only:
            document = request.at("body")
            if not isinstance(document, Mapping) or document.keys() != self.only:
                return False
        needed = (*self.present, self.challenge) if self.challenge else self.present
        return all(request.at(path) is not _ABSENT for path in needed) and all(
            request.at(path) is _ABSENT for path in self.absent
        )

    def answer(
        self, request: HandshakeRequest, tokens: tuple[str, ...], keys: Callable[[], Keys]
    ) -> Confirmation | Refusal:
        """Answers a request that fits.

        Args:
            request: the question; where a signature is the proof, it was checked.
            tokens: the endpoint's `verify_token`; several while one is changed.
            keys: gives what `make` computes with.
        """
        if self.needs_token and not tokens:
            return Refusal(self.refusal, "missing_secret", "The verify token is not set.")
        if self.proof == "token" and not _is_one_of(request.at(self.shared), tokens):
            hint = f"What stands at {self.shared} is none of the configured verify_token."
            return Refusal(self.refusal, "credentials_mismatch", hint)
        challenge = request.at(self.challenge) if self.challenge else ""
        if self.challenge and not self._is_allowed(challenge):
            return Refusal(
                403, "refused_challenge", f"What stands at {self.challenge} is no challenge of theirs."
            )
        made = ""
        if self.make is not None:
            known = keys()
            if self.needs_secret and not known.secret:
                return Refusal(403, "missing_secret", "There is no signing secret to answer with.")
            made = self.make(request, known, challenge)
        return self._confirmed(challenge, made)

    def _is_allowed(self, challenge: Any) -> bool:
        return (
            isinstance(challenge, str)
            and len(challenge) <= MAX_CHALLENGE
            and re.fullmatch(_PRINTABLE, challenge) is not None
            and re.fullmatch(self.allowed, challenge) is not None
        )

    def _confirmed(self, challenge: str, made: str) -> Confirmation:
        filled = {"{challenge}": challenge, "{made}": made}
        # ASGI wants names in lower case.
        headers = [(name.lower(), filled.get(value, value)) for name, value in self.headers.items()]
        body = b""
        if self.document is not None:
            body = msgspec.json.encode(
                {name: filled.get(value, value) for name, value in self.document.items()}
            )
            headers.append(("content-type", "application/json"))
        elif self.text:
            body = filled.get(self.text, self.text).encode()
            headers.append(("content-type", "text/plain"))
        headers.append(("x-content-type-options", "nosniff"))
        return Confirmation(self.status, tuple(headers), body, challenge if self.hands_over else None)


def _is_one_of(given: Any, tokens: tuple[str, ...]) -> bool:
    if not isinstance(given, str):
        return False
    offered = given.encode("utf-8", "surrogatepass")
    found = False
    for token in tokens:
        found |= hmac.compare_digest(offered, token.encode("utf-8", "surrogatepass"))
    return found


def hmac_hex(request: HandshakeRequest, keys: Keys, challenge: str) -> str:
    """The challenge's HMAC-SHA-256 with the signing secret, in hex."""
    return hmac.digest(keys.secret, challenge.encode(), "sha256").hex()


def hmac_base64(request: HandshakeRequest, keys: Keys, challenge: str) -> str:
    """The same in base64, with the algorithm's name before it."""
    return "sha256=" + b64encode(hmac.digest(keys.secret, challenge.encode(), "sha256")).decode()


def hash_of_token_and_address(request: HandshakeRequest, keys: Keys, challenge: str) -> str:
    """SHA-256 of the challenge, the verify token and the endpoint's address, in hex."""
    return hashlib.sha256(f"{challenge}{keys.verify_token}{keys.address}".encode()).hexdigest()


def public_key_and_hmac(request: HandshakeRequest, keys: Keys, challenge: str) -> str:
    """The verify token, which is a public key, and the challenge's HMAC-SHA-1 with the hash of the private one."""
    digest = hmac.digest(hashlib.sha1(keys.secret).digest(), challenge.encode(), "sha1")  # noqa: S324
    return f"{keys.verify_token}|{digest.hex()}"


def requested_rate(request: HandshakeRequest, keys: Keys, challenge: str) -> str:
    """The rate that the sender asks for, in requests a minute; any, where it asks for none."""
    rate = request.headers.get("webhook-request-rate", "")
    return rate if re.fullmatch("[1-9][0-9]{0,8}", rate, re.ASCII) else "*"
