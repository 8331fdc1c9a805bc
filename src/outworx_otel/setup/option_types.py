"""The options as type checkers see them: a misspelt name, or a value of another type, is an error to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from outworx_otel.setup.options import (
    KeyFunction,
    OnConflict,
    OnMismatch,
    OnStoreError,
    Secret,
    SecretFunction,
    SignatureVerifier,
    TraceContext,
    TrackOptions,
)

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

__all__ = ["EndpointOptions", "Endpoints", "InstrumentorArguments", "PassedToAll", "Unpack", "WebhookOptions"]


class WebhookOptions(TypedDict, total=False):
    """The fields of `TrackOptions` beside `provider`, which `@webhook` takes by name."""

    event_type_header: str | None
    event_type_field: str | None
    capture_body: bool
    capture_headers: bool
    metadata: Mapping[str, Any] | None
    signature_secret: Secret | SecretFunction | None
    signature_secret_env: str | Sequence[str] | None
    signature_secret_file: str | os.PathLike[str] | None
    signature_verifier: SignatureVerifier | None
    signature_valid: bool | Callable[[Any], Any] | None
    reject_invalid_signatures: bool
    signature_tolerance: float | None
    idempotency_key: KeyFunction | bool | str | None
    idempotency_ttl: float
    idempotency_scope: str | None
    idempotency_on_conflict: OnConflict
    idempotency_on_store_error: OnStoreError
    idempotency_on_mismatch: OnMismatch
    require_processing_mark: bool
    diagnose_silent_drops: bool
    methods: Sequence[str]
    paths: Sequence[str] | None
    max_body_size: int
    redact: Sequence[str]
    trace_context: TraceContext
    public_url: str | None
    handshake: bool | str | None
    verify_token: str | Sequence[str] | None
    verify_token_env: str | Sequence[str] | None


class EndpointOptions(WebhookOptions):
    """All fields of `TrackOptions`, for those who write them as a dict, as Django's settings do."""

    provider: str


Endpoints = Mapping[str, TrackOptions | EndpointOptions]
"""What is wanted where: options by path; `*` stands for any rest of a path."""


class PassedToAll(TypedDict, total=False):
    """What OpenTelemetry passes to every instrumentor, ours or not."""

    logger_provider: Any
    skip_dep_check: bool
    raise_exception_on_conflict: bool


class InstrumentorArguments(PassedToAll, total=False):
    """What an instrumentor takes, and `instrument_app`; `outworx_otel.instrument` says what each is for."""

    tracer_provider: TracerProvider | None
    meter_provider: MeterProvider | None
    endpoints: Endpoints | None
    excluded_urls: str | None
    request_hook: Callable[..., Any] | None
    response_hook: Callable[..., Any] | None
