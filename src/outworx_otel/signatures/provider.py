"""What a provider's own file holds: its row, where that comes from, its samples and its secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.scheme import SignatureScheme

SourceKind = Literal["code", "docs"]


class GivesUp(NamedTuple):
    """When a provider stops retrying: seconds after its first attempt (0: it never retries), and who says so."""

    after: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Deliveries that `outworx trigger` sends; shapes are the provider's, values are made up.

    A payload is a file `samples/<event>.json` beside the provider's `__init__.py` (`.form` has one field a line; a
    folder in the path is a slash in the event's name), or stands in `payloads`.

    Attributes:
        headers: Sent with every event; `${event}` is the event's name, `${kind}` what stands before its first dot.
        names: The event's real name where it cannot be a file's.
        event_headers: Further headers of single events, by file name.
        content_type: Where it is not plain JSON or a plain form.
        indent: How the provider writes its JSON; 0 is compactly.
        payloads: By the event's name, JSON as Python writes it.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    event_headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    content_type: str = ""
    indent: int = 0
    payloads: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WebhookProvider:
    """One provider, as its file in `providers/` describes it.

    Attributes:
        scheme: How it signs, what detects it, and where its events' types and ids stand.
        source_kind: Whether the row's `source` is the vendor's own code (or specification), or its documentation.
        samples: What `outworx trigger` sends.
        signed: What is signed, for the table in the documentation, where the row has no template that says so.
        secret_prefixes: How the signing secrets begin that it gives out, where they do begin alike.
        other_credentials: How its other credentials begin, which are taken for the secret now and then, and what
            they are.
        gives_up: When it stops retrying, if its documentation says so.
        handshakes: What it asks before its first delivery.
    """

    scheme: SignatureScheme
    source_kind: SourceKind
    samples: Samples
    signed: str = ""
    secret_prefixes: tuple[str, ...] = ()
    other_credentials: Mapping[str, str] = field(default_factory=dict)
    gives_up: GivesUp | None = None
    handshakes: tuple[Handshake, ...] = ()
