"""The data that a check works on, and the interfaces of keys and of schemes that no template can describe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from outworx_otel.http.headers import Headers
from outworx_otel.signatures.result import Failure


class SignedRequest(NamedTuple):
    """The parts of a request that a signature may cover.

    Attributes:
        url: The public URL that was called, in its likeliest spelling.
        other_urls: Other spellings of the same URL, where the server does not give it to the letter.
    """

    body: bytes
    headers: Headers
    url: str | None = None
    method: str = "POST"
    other_urls: tuple[str, ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """Every spelling of the URL, the likeliest first; one empty text where no URL was given."""
        return (self.url or "", *self.other_urls)


Message = tuple[bytes, bytes, bytes]
"""What is signed, in three pieces (before, body, after), so that a large body is never copied."""


class Check(NamedTuple):
    """One comparison: it holds when one of the signatures fits one of the messages."""

    messages: tuple[Message, ...]
    signatures: list[bytes]


class Lifetime(NamedTuple):
    """From when until when a signature counts by its own words, in Unix seconds; `begins` may be minus infinity."""

    begins: float
    ends: float


class Evidence(NamedTuple):
    """What a request claims: a timestamp as it was sent, the checks that must all hold, and for how long they do."""

    timestamp: str | None
    checks: tuple[Check, ...]
    lifetime: Lifetime | None = None


class Signed(NamedTuple):
    """A request after signing: some schemes write into the body or the URL."""

    body: bytes
    headers: dict[str, str]
    url: str | None


class Key(Protocol):
    """The verifying side of a key."""

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        """Whether one of the signatures belongs to the message."""


class Signer(Protocol):
    """The signing side of a key: a message's signature, not yet encoded."""

    def sign(self, message: Message) -> bytes: ...


class Procedure(Protocol):
    """A scheme that needs code: where the signature stands inside the body, or the URL has to be rebuilt."""

    @property
    def signs_url(self) -> bool: ...

    @property
    def signs_body(self) -> bool: ...

    @property
    def place(self) -> str:
        """Where the signature stands, for the table in the documentation."""

    def evidence(self, request: SignedRequest) -> Evidence | Failure: ...

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed: ...
