"""What `init()` does, and what everything of ours does first: read the configuration, find the providers."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace
from opentelemetry.util.http import ExcludeList

from outworx_otel.errors import ConfigurationError, OutworxError
from outworx_otel.idempotency import IdempotencyStore, TransactionStore
from outworx_otel.process import environment
from outworx_otel.setup import enforcement, exclusions, freezing
from outworx_otel.setup.announcement import announce, announcement, describe, described, show_log
from outworx_otel.setup.assembly import Assembly, Stores, checked_store, forget_providers
from outworx_otel.setup.configuration import Configuration, read_configuration
from outworx_otel.setup.endpoints import SAID, Endpoint, logger
from outworx_otel.setup.keywords import check_keywords, is_called_by_loader, meant_as_endpoints
from outworx_otel.setup.option_types import Endpoints
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.pipeline import Beside, provide
from outworx_otel.setup.runtime import Runtime, current, replace
from outworx_otel.setup.unguarded import LOADER, forget_left_alone, leave_alone, nobody_guards
from outworx_otel.telemetry import Telemetry
from outworx_otel.telemetry.foreign import ability, is_placeholder

if TYPE_CHECKING:
    from outworx_otel.export import Destination

_INSTALL_HINT: Final = (
    "no OpenTelemetry SDK is configured, so webhook spans go nowhere: install 'outworx-otel[auto]' "
    "(opentelemetry-distro), or set OUTWORX_API_KEY or OUTWORX_ENDPOINT, or call outworx_otel.init()"
)


@dataclass
class _Given:
    """What was said in code so far; the runtime is made anew from it whenever something is added."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    tracer_provider: trace.TracerProvider | None = None
    meter_provider: metrics.MeterProvider | None = None
    store: IdempotencyStore | TransactionStore | str | None = None
    detect: bool | None = None
    debug: bool = False
    on_error: Callable[[OutworxError], Any] | None = None
    flush_on_sigterm: bool | None = None
    api_key: str | None = None
    destination: Destination | None = None
    # Exporting there begins with the first delivery.
    put_off: bool = False
    beside: Beside = field(default_factory=Beside)
    request_hook: Callable[..., Any] | None = None
    response_hook: Callable[..., Any] | None = None
    excluded_urls: ExcludeList | None = None
    # The application itself calls `instrument()`: it does not depend on the loader for its guard.
    in_code: bool = False
    ready: bool = False
    announced: str | None = None
    # What was logged, and is not again; the stores that were opened, by their URL.
    said: set[str] = field(default_factory=set)
    stores: Stores = field(default_factory=dict)


_given = _Given()
_lock = threading.RLock()


def init(
    api_key: str | None = None,
    endpoint: str | None = None,
    debug: bool | None = None,
    timeout: int = 3000,
    on_error: Callable[[OutworxError], Any] | None = None,
    *,
    protocol: str | None = None,
    endpoints: Endpoints | None = None,
    idempotency_store: str | IdempotencyStore | TransactionStore | None = None,
    detect: bool | None = None,
    flush_on_sigterm: bool | None = None,
) -> None:
    """Sends webhook telemetry to Outworx, or with neither key nor endpoint where the OTel variables say.

    Adds to the global `TracerProvider` where the application has one, else makes providers. Harmless when it
    is called again. Explicit arguments win over the environment. It touches no framework: `instrument()` does, or
    an adapter that is mounted by hand.

    Args:
        api_key: sent as `Authorization: Bearer`; else `OUTWORX_API_KEY`.
        endpoint: base URL of the ingest, without `/v1/traces`; else `OUTWORX_ENDPOINT`, else
            `https://hooks.outworx.io/api/ingest` where there is a key.
        debug: log the set-up and a line per delivery on the logger `outworx_otel`; else `OUTWORX_DEBUG`.
        timeout: milliseconds that one attempt at sending may take.
        on_error: called with an `OutworxError` for each failure of ours, in whichever thread it happened; what
            it raises is logged and swallowed.
        protocol: `"otlp"`, `"events"` (the older JSON batch) or `"auto"` (OTLP, until the server says that it
            knows only the other); else `OUTWORX_PROTOCOL`, else `"auto"`.
        endpoints: what is wanted where: `{"/webhooks/stripe": TrackOptions("stripe", ...)}`; `*` stands for any
            rest of a path, and a plain mapping of options for `TrackOptions`.
        idempotency_store: the store, or its URL, such as `redis://host:6379/0`; else `OUTWORX_IDEMPOTENCY_STORE`,
            else `memory://`.
        detect: False turns off spans for unconfigured routes; else `OUTWORX_DETECT`, else on.
        flush_on_sigterm: False leaves SIGTERM alone; else `OUTWORX_EXIT_FLUSH`, else on.

    Raises:
        ConfigurationError: a key, URL, option or configuration file that cannot be used.
        SystemExit: with status 78, for such a configuration where `OUTWORX_STRICT` is set.
    """
    from outworx_otel.export import Destination

    destination = Destination.from_environment(
        api_key, endpoint, timeout=timeout, protocol=protocol, debug=debug
    )
    with _lock:
        if destination.debug:
            _given.debug = True
            show_log()
        if destination.api_key is not None:
            _given.api_key = destination.api_key
        if on_error is not None:
            _given.on_error = on_error
        if idempotency_store is not None:
            _given.store = checked_store(idempotency_store, _given.stores)
        if detect is not None:
            _given.detect = detect
        if flush_on_sigterm is not None:
            _given.flush_on_sigterm = flush_on_sigterm
        _add_endpoints(endpoints)
        _export_to(destination)
        _rebuild(read_configuration(), strict=True)
        if _given.debug:
            _describe()


def prepare(
    *,
    tracer_provider: trace.TracerProvider | None = None,
    meter_provider: metrics.MeterProvider | None = None,
    endpoints: Endpoints | None = None,
    excluded_urls: str | None = None,
    request_hook: Callable[..., Any] | None = None,
    response_hook: Callable[..., Any] | None = None,
    strict: bool = False,
    where: str = "instrument()",
    **others: Any,
) -> None:
    """What each instrumentor does before it patches.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: options by path, as for `init`.
        excluded_urls: comma-separated regular expressions of paths, as OpenTelemetry's instrumentors take them.
        request_hook: `(span, request)`, called when a delivery's span has begun.
        response_hook: `(span, request, response)`, called before it ends.
        strict: raise what is wrong with the configuration; otherwise it is logged. In either case an endpoint that
            was to verify signatures and cannot turns its deliveries away.
        where: what was called, for messages.
        others: what was passed besides: OpenTelemetry's own arguments, and misspelt ones.

    Raises:
        ConfigurationError: with `strict`, or for an argument that is unknown or cannot be used. Where OpenTelemetry's
            loader calls, nothing is raised: it is logged, and the endpoints in question stay closed.
        SystemExit: with status 78, for such a configuration where `OUTWORX_STRICT` is set.
    """
    with _lock:
        by_loader = is_called_by_loader()
        _given.in_code = _given.in_code or not by_loader
        if tracer_provider is not None:
            _given.tracer_provider = tracer_provider
        if meter_provider is not None:
            _given.meter_provider = meter_provider
        wrong: list[str] = []
        takes: tuple[Callable[[], None], ...] = (
            partial(check_keywords, others, where),
            partial(_take_hooks, request_hook, response_hook, excluded_urls),
            partial(_add_endpoints, endpoints, closing=by_loader),
        )
        for take in takes:
            try:
                take()
            except ConfigurationError as error:
                if not by_loader:
                    raise
                wrong.append(str(error))
        for path in meant_as_endpoints(others):
            _close(path, wrong[0])
        if LOADER in sys.modules:
            _fall_back()
        elif tracer_provider is None and _given.tracer_provider is None:
            _export_from_environment()
        _flush_at_exit()
        begins_debug = environment.is_on(*environment.DEBUG) and not _given.debug
        if begins_debug:
            _given.debug = True
            show_log()
        _rebuild(read_configuration(), strict=strict, wrong=wrong)
        if begins_debug:
            _describe()


def ensure_ready() -> None:
    """What a hand-mounted adapter does first, unless `init()` or an instrumentor was there before.

    Reads the file and the environment, so that no variable works only after `init()`; and where these name a key or
    an endpoint, exports as `init()` would. Never raises; harmless when it is called again. What is on is said by
    `say_mounted`, once the adapter knows it.
    """
    if _given.ready:
        return
    with _lock:
        if _given.ready:
            return
        _given.ready = True
        try:
            # The loader has chosen the exporters that the variables name.
            if LOADER not in sys.modules:
                _export_from_environment()
            if environment.is_on(*environment.DEBUG):
                _given.debug = True
                show_log()
            _rebuild(read_configuration(), strict=False, announcing=False)
        except Exception as error:  # noqa: BLE001  # ours: the adapter goes on with what it was given
            _say_once(logging.ERROR, f"outworx: the configuration could not be read: {error}")


def say_mounted(by: str, endpoints: Mapping[str, Endpoint]) -> None:
    """Says what an adapter that was mounted by hand guards: in the one line at start, or after it.

    Args:
        by: what was mounted, for people.
        endpoints: what it guards, by the place, for people.
    """
    with _lock:
        mounted = described(by, endpoints) if endpoints else None
        if _given.announced is None:
            file = read_configuration().file
            _given.announced = _line(file, current().endpoints)
            announce(_line(file, current().endpoints, mounted))
        elif mounted is not None and mounted not in _given.said:
            announce(f"outworx: {mounted}")
        if mounted is not None:
            _given.said.add(mounted)


def amiss(problem: str) -> None:
    """Says once, at ERROR, that less is guarded than was asked for; ends the process where `OUTWORX_STRICT` is set.

    Raises:
        SystemExit: with status 78, where `OUTWORX_STRICT` is set.
    """
    _say_once(logging.ERROR, problem)
    if enforcement.is_strict():
        enforcement.end_process([problem])


def stay_away(framework: str, why: str) -> None:
    """Says once that an installed framework is left alone: at ERROR, with the endpoints, where any are to verify.

    Args:
        framework: its name.
        why: the beginning of a sentence.

    Raises:
        SystemExit: with status 78, where endpoints are to verify and `OUTWORX_STRICT` is set.
    """
    leave_alone(framework, why)
    paths = _verifying(current().endpoints)
    for problem in nobody_guards(paths, in_code=True):
        amiss(problem)
    if not paths:
        _say_once(
            logging.WARNING, f"outworx: {why}: it is left alone, and its applications have no webhook spans"
        )


def reset() -> None:
    """Forgets what `prepare` was given in code; what `init` set up stays."""
    with _lock:
        _given.tracer_provider = _given.meter_provider = None
        _given.request_hook = _given.response_hook = _given.excluded_urls = None
        _given.in_code = False
        _given.endpoints.clear()
        forget_left_alone()
        replace(_runtime(read_configuration())[1])
        forget_providers()


def _take_hooks(request_hook: Any, response_hook: Any, excluded_urls: str | None) -> None:
    for name, hook in (("request_hook", request_hook), ("response_hook", response_hook)):
        if hook is not None and not callable(hook):
            raise ConfigurationError(f"{name} must be a function, not {type(hook).__name__}")
    if request_hook is not None:
        _given.request_hook = request_hook
    if response_hook is not None:
        _given.response_hook = response_hook
    if excluded_urls is not None:
        try:
            _given.excluded_urls = exclusions.excluded_urls(excluded_urls)
        except Exception as error:
            raise ConfigurationError(
                f"excluded_urls must be comma-separated regular expressions, not {excluded_urls!r}: {error}"
            ) from error


def _add_endpoints(endpoints: Endpoints | None, closing: bool = False) -> None:
    """Takes endpoints given in code; with `closing`, one that cannot be used is closed instead of raised."""
    if endpoints is not None and not isinstance(endpoints, Mapping):
        raise ConfigurationError(
            'endpoints must be a mapping of paths, e.g. {"/webhooks/stripe": TrackOptions("stripe")}, not '
            f"{type(endpoints).__name__}"
        )
    for pattern, options in (endpoints or {}).items():
        try:
            if not pattern.startswith(("/", "*")):
                raise ConfigurationError(f"endpoints: the path {pattern!r} must begin with /")
            if not isinstance(options, TrackOptions):
                options = TrackOptions.from_mapping(options, f'endpoints["{pattern}"]')
            _given.endpoints[pattern] = Endpoint(options, "code", known_secrets=_known_secrets)
        except ConfigurationError as error:
            if not closing:
                raise
            _close(pattern if pattern.startswith(("/", "*")) else f"/{pattern}", str(error))


def _close(path: str, problem: str) -> None:
    options = TrackOptions("unknown", signature_valid=False)
    _given.endpoints[path] = Endpoint(options, "code", problem=problem, quiet=True)


def _known_secrets() -> Any:
    return current().known_secrets()


def _rebuild(
    configuration: Configuration, strict: bool, wrong: Sequence[str] = (), announcing: bool = True
) -> None:
    """Puts a runtime in force, then says what is wrong or raises it: what is to be closed is closed by then."""
    assembly, runtime = _runtime(configuration)
    replace(runtime)
    _given.ready = True
    problems = list(dict.fromkeys([*wrong, *assembly.problems, *assembly.closed]))
    problems.extend(nobody_guards(_verifying(assembly.endpoints), in_code=_given.in_code))
    if problems and enforcement.is_strict():
        enforcement.end_process(problems)
    if strict and assembly.problems:
        raise ConfigurationError("; ".join(assembly.problems))
    for problem in problems:
        _say_once(logging.ERROR, problem)
    differing = [
        f"outworx: {said}" for names in environment.FAMILIES if (said := environment.disagreement(*names))
    ]
    for warning in (*assembly.warnings, *differing):
        _say_once(logging.WARNING, warning)
    if enforcement.reports_only():
        _say_once(logging.ERROR, enforcement.REPORTING)
    line = _line(configuration.file, assembly.endpoints)
    if announcing and line != _given.announced:
        _given.announced = line
        announce(line)


def _line(file: str | None, endpoints: Mapping[str, Endpoint], mounted: str | None = None) -> str:
    provider = _given.tracer_provider or trace.get_tracer_provider()
    return announcement(file, endpoints, _given.destination, provider, mounted)


def _assembled(configuration: Configuration) -> Assembly:
    return Assembly(configuration, _given.endpoints, _given.store, _known_secrets, _given.stores)


def _runtime(configuration: Configuration) -> tuple[Assembly, Runtime]:
    forget_providers()
    assembly = _assembled(configuration)
    return assembly, Runtime(
        assembly.endpoints,
        telemetry=Telemetry(
            _given.tracer_provider or _given.beside.tracer_provider,
            _given.meter_provider or _given.beside.meter_provider,
        ),
        store=assembly.store,
        detect=configuration.detect if _given.detect is None else _given.detect,
        on_error=_given.on_error,
        debug=_given.debug,
        token_secrets=_token_secrets(),
        flush=flush,
        freezes=freezing.host_freezes(),
        request_hook=_given.request_hook,
        response_hook=_given.response_hook,
        excluded_urls=_given.excluded_urls,
        begin=_begin_to_export if _given.put_off else None,
    )


def _verifying(endpoints: Mapping[str, Endpoint]) -> list[str]:
    return [pattern for pattern, endpoint in endpoints.items() if endpoint.verifies]


def check_guards(what: str) -> None:
    """An exporter, a sampler or the instrumentors were loaded by name: will anybody guard what is configured?"""
    if not any(nobody_guards(["/"], in_code=_given.in_code)):
        return
    configuration = read_configuration()
    endpoints = _assembled(configuration).endpoints
    for said in nobody_guards(_verifying(endpoints), in_code=_given.in_code):
        logger.debug("%s: loaded, and asks for the instrumentors", what)
        amiss(said)


def _token_secrets() -> tuple[str, ...]:
    """What signs deferral tokens, the preferred one first."""
    named = ("OUTWORX_TOKEN_SECRET", *environment.API_KEY)
    first, *others = map(environment.text, named)
    given = (first, _given.api_key, *others)
    return tuple(dict.fromkeys(secret.strip() for secret in given if secret and secret.strip()))


def flush(timeout: float = 5.0) -> bool:
    """Sends what is queued: before a function's host freezes it, or a worker is recycled.

    Where the host is known to freeze after the answer (AWS Lambda, Azure Functions, or `OUTWORX_FLUSH_EACH`),
    each delivery does so by itself.

    Args:
        timeout: seconds that it may block, about.

    Returns:
        Whether everything was delivered or given up in time.
    """
    from outworx_otel.export.exit import flush_now

    return flush_now(timeout)


def shutdown(timeout: float = 5.0) -> bool:
    """Sends what is queued and shuts the OpenTelemetry providers down: for the end of a process, not before.

    Args:
        timeout: seconds that it may block, about.

    Returns:
        Whether everything was delivered or given up in time.
    """
    from outworx_otel.export.exit import shut_down_now

    return shut_down_now(timeout)


def _fall_back() -> None:
    """`opentelemetry-instrument` without a configurator leaves a provider that records nothing."""
    records = _given.tracer_provider is not None or not is_placeholder(trace.get_tracer_provider())
    if not records and not _export_from_environment(at_once=True):
        _say_once(logging.WARNING, _INSTALL_HINT)


def _export_from_environment(at_once: bool = False) -> bool:
    """Exports as `init()` would where a key or an endpoint of ours is in the environment; whether one is.

    Unless `at_once`, a provider that does not yet stand is made with the first delivery: an application may make its
    own later than it mounts ours, and OpenTelemetry takes the first one for good.
    """
    from outworx_otel.export import Destination
    from outworx_otel.export.exit import prepare_for_sigterm

    if environment.name_set(*environment.DESTINATION) is None:
        return False
    if _given.destination is not None and not _given.put_off:
        return True  # `init()` has said where to: what it is given wins
    try:
        destination = Destination.from_environment()
    except ConfigurationError as error:
        _say_once(logging.ERROR, str(error))
    else:
        _given.api_key = _given.api_key or destination.api_key
        if at_once or not is_placeholder(trace.get_tracer_provider()):
            _export_to(destination)
        elif _given.destination is None:
            _given.destination, _given.put_off = destination, True
            prepare_for_sigterm(_given.flush_on_sigterm)
    return True


def _begin_to_export() -> None:
    with _lock:
        if _given.put_off and _given.destination is not None:
            _export_to(_given.destination)


def _export_to(destination: Destination) -> None:
    former = _given.destination
    if destination.explicit or former is None or not former.explicit:  # what code has said stays said
        _given.destination, _given.put_off = destination, False
        for said in provide(destination, _report, _given.beside):
            _say_once(logging.WARNING, said)
    _flush_at_exit()


def _report(error: OutworxError) -> None:
    on_error = _given.on_error
    if on_error is not None:
        on_error(error)


def _flush_at_exit() -> None:
    from outworx_otel.export import flush_at_exit

    providers: tuple[Any, ...] = (
        _given.tracer_provider or trace.get_tracer_provider(),
        _given.meter_provider or metrics.get_meter_provider(),
        *_given.beside.exporting(),
    )
    for provider in providers:
        # Placeholders have none, nor has Datadog's.
        if ability(provider, "shutdown") is not None:
            flush_at_exit(provider, enabled=_given.flush_on_sigterm)


def unflushed() -> Callable[[], object] | None:
    """What to call, in a thread, before a server says that it has shut down; None where SIGTERM sees to it."""
    from outworx_otel.export.exit import flush_now, sigterm_flushes

    return None if sigterm_flushes() else flush_now


def _say_once(level: int, message: str) -> None:
    if message not in _given.said and message not in SAID:
        _given.said.add(message)
        logger.log(level, "%s", message)


def _describe() -> None:
    describe(current().endpoints, current().store, _given.destination)
