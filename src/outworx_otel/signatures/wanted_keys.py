"""What a scheme says of a key that its provider publishes: where it is, and what is so once it is had."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.result import Failure


class KeyRequest(NamedTuple):
    """One request for a key.

    Attributes:
        url: An https:// URL that its provider's row allows.
        method: `GET`, or `POST` where the provider wants it.
        headers: (name, value) pairs; credentials may stand in them.
        body: What is posted; credentials may stand in it.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class KeyAnswer(NamedTuple):
    """What came back, and for how many seconds the sender says that it holds (Cache-Control), where it says so."""

    body: bytes
    max_age: float | None = None


PublishedKeys = Mapping[str, Any]
"""Public keys by their id; a document of one key has it under an empty one."""

Ask = Callable[[KeyRequest], KeyAnswer]


@dataclass(frozen=True)
class KeyPlace:
    """Where one provider publishes keys. Nothing else is ever asked for one.

    Attributes:
        provider: Whose they are.
        hosts: The host as a regular expression, all of it.
        paths: The path, likewise. No user, port, query or fragment is let through.
        lifetime: Seconds that a key is kept.
        heeds_cache_control: Whether the answer's Cache-Control says how long, up to a day.
    """

    provider: str
    hosts: str
    paths: str
    lifetime: float
    heeds_cache_control: bool = False

    def allows(self, url: str) -> bool:
        """Whether this is one of its addresses. The text is matched as it stands: no parser has a say in it."""
        pattern = rf"https://(?:{self.hosts})(?:{self.paths})"
        return isinstance(url, str) and re.fullmatch(pattern, url, re.ASCII) is not None


@dataclass(frozen=True)
class WantedKey:
    """The document that holds the key which a delivery names.

    Attributes:
        place: Where it is published.
        url: Its address there.
        kid: Which of its keys; None where it has but one, or does not say.
        account: Tells apart whose credentials it is asked for with; never the credentials themselves.
        load: Asks for it, and reads it. Whatever it raises means that there is no key.
    """

    place: KeyPlace
    url: str
    kid: str | None = None
    account: str = ""
    load: Callable[[Ask], PublishedKeys] = field(compare=False, kw_only=True)

    def of(self, kid: str | None) -> WantedKey:
        """The same document, for another of its keys."""
        return replace(self, kid=kid)

    @property
    def identity(self) -> tuple[str, str]:
        """Equal for what is one document."""
        return self.url, self.account

    @property
    def host(self) -> str:
        """Who is asked."""
        return urlsplit(self.url).hostname or ""


class KeyFailure(NamedTuple):
    """Why a key cannot be had, in one sentence."""

    hint: str


class Verified(NamedTuple):
    """A delivery whose signature is right: which secret it fits, and when it was signed, in Unix seconds."""

    key_index: int
    signed_at: float | None = None


class Claim(NamedTuple):
    """What a delivery claims: the key that it names, None where one is configured, and what is so with that key."""

    wanted: WantedKey | None
    conclude: Callable[[PublishedKeys], Verified | Failure]


class PublishedProcedure(Protocol):
    """A scheme whose keys its provider publishes; what the user configures says which deliveries are theirs."""

    @property
    def signs_url(self) -> bool: ...

    @property
    def signs_body(self) -> bool: ...

    @property
    def place(self) -> str:
        """Where the signature stands, for the table in the documentation."""

    @property
    def algorithm(self) -> str:
        """What signs, for the same table."""

    @property
    def published_at(self) -> str:
        """Where its keys come from and for how long one is kept, for the page about published keys."""

    def host(self, settings: Any) -> str:
        """Who will be asked for the key of a delivery with these settings, as far as that can be known before."""

    def settings(self, secret: str) -> Any:
        """What is configured as the secret, made ready.

        Raises:
            ConfigurationError: It cannot be used; the message says what it must be.
        """

    def claim(self, request: SignedRequest, settings: Sequence[Any], now: float) -> Claim | Failure:
        """What a request claims, before any key is known: what can be refused without one is refused here."""
