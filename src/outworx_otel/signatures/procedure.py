"""What a verification starts from, what it compares, and schemes that no template can describe."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from outworx_otel.http.headers import Headers
from outworx_otel.signatures.result import Failure


class Request(NamedTuple):
    """The parts of a request that a signature may cover."""

    body: bytes
    headers: Headers
    url: str | None = None
    method: str = "POST"


Message = tuple[bytes, bytes, bytes]
"""What is signed, in three pieces (before, body, after), so that a large body is never copied."""


class Check(NamedTuple):
    """One comparison: it holds when one of the signatures fits one of the messages."""

    messages: tuple[Message, ...]
    signatures: list[bytes]


class Evidence(NamedTuple):
    """What a request claims: a timestamp as it was sent, and the checks that must all hold."""

    timestamp: str | None
    checks: tuple[Check, ...]


class Signed(NamedTuple):
    """A request after signing: some schemes write into the body or the URL."""

    body: bytes
    headers: dict[str, str]
    url: str | None


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

    def evidence(self, request: Request) -> Evidence | Failure: ...

    def sign(self, signer: Signer, request: Request, timestamp: str) -> Signed: ...
