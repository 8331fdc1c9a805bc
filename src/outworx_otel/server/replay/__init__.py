"""Sends a stored delivery once more, signed anew, to an application on a developer's machine."""

from outworx_otel.server.replay.completeness import Completeness, completeness
from outworx_otel.server.replay.credentials import (
    Credentials,
    credentials_for,
    known_secrets,
    provider_at,
    secret_for,
    variable_for,
)
from outworx_otel.server.replay.many import (
    MAX_UNANSWERED,
    ChosenEvent,
    Fate,
    ReplayedEvent,
    Resending,
    choose_events,
)
from outworx_otel.server.replay.resigning import Outgoing, resigned, signed_url
from outworx_otel.server.replay.saved import SavedDelivery, SavedResponse, curl_line, read_saved, write_saved
from outworx_otel.server.replay.sending import ReplayAnswer, ReplaySender, send
from outworx_otel.server.replay.stored import ReplayError, StoredRequest
from outworx_otel.server.replay.target_addresses import target_url

__all__ = [
    "MAX_UNANSWERED",
    "ChosenEvent",
    "Completeness",
    "Credentials",
    "Fate",
    "Outgoing",
    "ReplayAnswer",
    "ReplayError",
    "ReplaySender",
    "ReplayedEvent",
    "Resending",
    "SavedDelivery",
    "SavedResponse",
    "StoredRequest",
    "choose_events",
    "completeness",
    "credentials_for",
    "curl_line",
    "known_secrets",
    "provider_at",
    "read_saved",
    "resigned",
    "secret_for",
    "send",
    "signed_url",
    "target_url",
    "variable_for",
    "write_saved",
]
