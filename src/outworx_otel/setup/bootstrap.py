"""What `init()` does, and what every instrumentor does first: read the configuration, find the providers."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace

from outworx_otel.errors import ConfigurationError, OutworxError
from outworx_otel.setup.assembly import Assembly, checked_store
from outworx_otel.setup.configuration import Configuration, read_configuration
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.pipeline import provide
from outworx_otel.setup.runtime import Runtime, current, replace
from outworx_otel.telemetry import Telemetry

if TYPE_CHECKING:
    from outworx_otel.export import Destination

Endpoints = Mapping[str, TrackOptions | Mapping[str, Any]]

_KEY_VARIABLES: Final = ("OUTWORX_HOOKS_API_KEY", "OUTWORX_API_KEY")
_DESTINATION_VARIABLES: Final = (*_KEY_VARIABLES, "OUTWORX_HOOKS_ENDPOINT")
_INSTALL_HINT: Final = (
    "no OpenTelemetry SDK is configured, so webhook spans go nowhere: install 'outworx-otel[auto]' "
    "(opentelemetry-distro), or set OUTWORX_HOOKS_API_KEY or OUTWORX_HOOKS_ENDPOINT, or call outworx_otel.init()"
)


@dataclass
class _Given:
    """What was said in code so far; the runtime is made anew from it whenever something is added."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    tracer_provider: trace.TracerProvider | None = None
    meter_provider: metrics.MeterProvider | None = None
    store_url: str | None = None
    detect: bool | None = None
    debug: bool = False
    on_error: Callable[[OutworxError], Any] | None = None
    flush_on_sigterm: bool | None = None
    api_key: str | None = None


_given = _Given()
_lock = threading.RLock()
_said: set[str] = set()


def init(
    api_key: str | None = None,
    endpoint: str | None = None,
    debug: bool | None = None,
    timeout: int = 3000,
    on_error: Callable[[OutworxError], Any] | None = None,
    *,
    protocol: str | None = None,
    endpoints: Endpoints | None = None,
    idempotency_store: str | None = None,
    detect: bool | None = None,
    flush_on_sigterm: bool | None = None,
) -> None:
    """Sends webhook telemetry to Outworx, or with neither key nor endpoint where the OTel variables say.

    Adds to the global `TracerProvider` where the application has one, else makes providers. Harmless when it
    is called again. Explicit arguments win over the environment. It touches no framework: `instrument()` does, or
    an adapter that is mounted by hand.

    Args:
        api_key: sent as `Authorization: Bearer`; else `OUTWORX_HOOKS_API_KEY` or `OUTWORX_API_KEY`.
        endpoint: base URL of the ingest, without `/v1/traces`; else `OUTWORX_HOOKS_ENDPOINT`, else
            `https://hooks.outworx.io/api/ingest` where there is a key.
        debug: log the set-up and a line per delivery on the logger `outworx_otel`; else `OUTWORX_HOOKS_DEBUG`.
        timeout: milliseconds that one attempt at sending may take.
        on_error: called with an `OutworxError` for each failure of ours, in whichever thread it happened; what
            it raises is logged and swallowed.
        protocol: `"otlp"`, `"events"` (the older JSON batch) or `"auto"` (OTLP, until the server says that it
            knows only the other); else `OUTWORX_HOOKS_PROTOCOL`, else `"auto"`.
        endpoints: what is wanted where: `{"/webhooks/stripe": TrackOptions("stripe", ...)}`; `*` stands for any
            rest of a path, and a plain mapping of options for `TrackOptions`.
        idempotency_store: URL of the store, such as `redis://host:6379/0`; else `OUTWORX_IDEMPOTENCY_STORE`, else
            `memory://`.
        detect: False turns off spans for unconfigured routes; else `OUTWORX_DETECT`, else on.
        flush_on_sigterm: False leaves SIGTERM alone; else `OUTWORX_HOOKS_EXIT_FLUSH`, else on.

    Raises:
        ConfigurationError: a key, URL, option or configuration file that cannot be used.
    """
    from outworx_otel.export import Destination

    destination = Destination.from_environment(
        api_key, endpoint, timeout=timeout, protocol=protocol, debug=debug
    )
    with _lock:
        if destination.debug:
            _given.debug = True
            _show_log()
        if destination.api_key is not None:
            _given.api_key = destination.api_key
        if on_error is not None:
            _given.on_error = on_error
        if idempotency_store is not None:
            checked_store(idempotency_store)
            _given.store_url = idempotency_store
        if detect is not None:
            _given.detect = detect
        if flush_on_sigterm is not None:
            _given.flush_on_sigterm = flush_on_sigterm
        _add_endpoints(endpoints)
        for said in provide(destination, _report):
            _say_once(logging.WARNING, said)
        _flush_at_exit()
        _rebuild(read_configuration(), strict=True)
        if _given.debug:
            _describe(destination)


def prepare(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    endpoints: Endpoints | None = None,
    strict: bool = False,
    **_others: Any,
) -> None:
    """What each instrumentor does before it patches.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: options by path, as for `init`.
        strict: raise what is wrong with the configuration; otherwise it is logged, and an endpoint that was
            to verify signatures and cannot turns its deliveries away.

    Raises:
        ConfigurationError: with `strict`, or for an option in `endpoints` that cannot be used.
    """
    with _lock:
        if tracer_provider is not None:
            _given.tracer_provider = tracer_provider
        if meter_provider is not None:
            _given.meter_provider = meter_provider
        _add_endpoints(endpoints)
        if "opentelemetry.instrumentation.auto_instrumentation" in sys.modules:
            _fall_back()
        _flush_at_exit()
        describe = _debug_is_on() and not _given.debug
        if describe:
            _given.debug = True
            _show_log()
        _rebuild(read_configuration(), strict=strict)
        if describe:
            _describe(None)


def _add_endpoints(endpoints: Endpoints | None) -> None:
    if endpoints is not None and not isinstance(endpoints, Mapping):
        raise ConfigurationError(
            'endpoints must be a mapping of paths, e.g. {"/webhooks/stripe": TrackOptions("stripe")}, not '
            f"{type(endpoints).__name__}"
        )
    for pattern, options in (endpoints or {}).items():
        if not pattern.startswith(("/", "*")):
            raise ConfigurationError(f"endpoints: the path {pattern!r} must begin with /")
        if not isinstance(options, TrackOptions):
            options = TrackOptions.from_mapping(options, f'endpoints["{pattern}"]')
        _given.endpoints[pattern] = Endpoint(options, "code", known_secrets=_known_secrets)


def reset() -> None:
    """Forgets what `prepare` was given in code; what `init` set up stays."""
    with _lock:
        _given.tracer_provider = _given.meter_provider = None
        _given.endpoints.clear()
        _rebuild(read_configuration(), strict=False)


def _known_secrets() -> Any:
    return current().known_secrets()


def _rebuild(configuration: Configuration, strict: bool) -> None:
    assembly = Assembly(configuration, _given.endpoints, _given.store_url, _known_secrets)
    if strict and assembly.problems:
        raise ConfigurationError("; ".join(assembly.problems))
    for problem in assembly.problems:
        _say_once(logging.ERROR, problem)
    for warning in assembly.warnings:
        _say_once(logging.WARNING, warning)
    replace(
        Runtime(
            assembly.endpoints,
            telemetry=Telemetry(_given.tracer_provider, _given.meter_provider),
            store=assembly.store,
            detect=configuration.detect if _given.detect is None else _given.detect,
            on_error=_given.on_error,
            debug=_given.debug,
            token_secrets=_token_secrets(),
            flush=_flush,
        )
    )


def _token_secrets() -> tuple[str, ...]:
    """What signs deferral tokens, the preferred one first."""
    given = (os.environ.get("OUTWORX_TOKEN_SECRET"), _given.api_key, *map(os.environ.get, _KEY_VARIABLES))
    return tuple(dict.fromkeys(secret.strip() for secret in given if secret and secret.strip()))


def _flush(seconds: float) -> None:
    from outworx_otel.export.exit import flush_now

    flush_now(seconds)


def _fall_back() -> None:
    """`opentelemetry-instrument` without a configurator leaves a provider that records nothing."""
    if _given.tracer_provider is None and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        if any(os.environ.get(name) for name in _DESTINATION_VARIABLES):
            try:
                init()
            except ConfigurationError as error:
                _say_once(logging.ERROR, str(error))
        else:
            _say_once(logging.WARNING, _INSTALL_HINT)


def _report(error: OutworxError) -> None:
    on_error = _given.on_error
    if on_error is not None:
        on_error(error)


def _flush_at_exit() -> None:
    from outworx_otel.export import flush_at_exit

    providers: tuple[Any, ...] = (
        _given.tracer_provider or trace.get_tracer_provider(),
        _given.meter_provider or metrics.get_meter_provider(),
    )
    for provider in providers:
        # Proxies have none.
        if hasattr(provider, "shutdown"):
            flush_at_exit(provider, enabled=_given.flush_on_sigterm)


def unflushed() -> Callable[[], None] | None:
    """What to call, in a thread, before a server says that it has shut down; None where SIGTERM sees to it."""
    from outworx_otel.export.exit import flush_now, sigterm_flushes

    return None if sigterm_flushes() else flush_now


def _say_once(level: int, message: str) -> None:
    if message not in _said:
        _said.add(message)
        logger.log(level, "%s", message)


def _debug_is_on() -> bool:
    return os.environ.get("OUTWORX_HOOKS_DEBUG", "").strip().lower() in ("1", "true", "yes", "on")


def _show_log() -> None:
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def _describe(destination: Destination | None) -> None:
    for pattern, endpoint in current().endpoints.items():
        options = endpoint.options
        logger.info(
            "endpoint %s: provider=%s from=%s signature=%s idempotency=%s",
            pattern,
            options.provider,
            endpoint.source,
            "secret set" if options.signature_secret else "custom" if options.verifies else "not verified",
            "on" if options.idempotency_key else "off",
        )
    logger.info("idempotency keys in %s", current().store)
    if destination is not None:
        logger.info("exporting to %s (%s)", destination.endpoint, destination.protocol)
    else:
        chosen = os.environ.get("OTEL_TRACES_EXPORTER") or "as the application's TracerProvider does"
        logger.info("exporting spans: %s", chosen)
