"""What the process has been told as a whole: endpoints by path, telemetry, the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, KeysView, Mapping
from operator import itemgetter
from typing import Any, Final

from outworx_otel import signatures
from outworx_otel.errors import InstrumentationError, OutworxError, described
from outworx_otel.http.headers import from_environ
from outworx_otel.http.paths import PathMap
from outworx_otel.idempotency import IdempotencyStore, MemoryStore, TransactionStore
from outworx_otel.process.rates import PerSecond
from outworx_otel.setup.endpoints import Endpoint, logger, stricter, with_standing_verification
from outworx_otel.setup.exclusions import Exclusions
from outworx_otel.setup.options import DEFAULT_METHODS, TrackOptions
from outworx_otel.telemetry import Telemetry
from outworx_otel.telemetry.redaction import scrub

# A view of the table: providers that are registered later are in it.
_DETECTION_NAMES: Final = signatures.DETECTION_HEADERS.keys()
_MAX_SAID: Final = 1024
_PROOFS_PER_SECOND: Final = 10
_TELL_AGAIN: Final = 60.0
_MAX_TOLD: Final = 256
_first: Final = itemgetter(0)
_in_environ: dict[str, str] = {}


def _environ_names() -> KeysView[str]:
    """The same names as a WSGI environ has them."""
    if len(_in_environ) * 2 != len(_DETECTION_NAMES):
        names = (name for name in _DETECTION_NAMES if isinstance(name, str))
        _in_environ.update({"HTTP_" + name.upper().replace("-", "_"): name for name in names})
    return _in_environ.keys()


class Runtime:
    """What adapters need at a request: endpoints by path, telemetry, the store.

    Replaced as a whole when the set-up changes; adapters read `current()` at every request, so that import order does
    not matter.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint] | None = None,
        *,
        telemetry: Telemetry | None = None,
        store: IdempotencyStore | TransactionStore | None = None,
        detect: bool = True,
        on_error: Callable[[OutworxError], Any] | None = None,
        debug: bool = False,
        token_secrets: tuple[str | bytes, ...] = (),
        flush: Callable[[float], bool] | None = None,
        freezes: bool = False,
        request_hook: Callable[..., Any] | None = None,
        response_hook: Callable[..., Any] | None = None,
        excluded_urls: Any = None,
        begin: Callable[[], object] | None = None,
    ) -> None:
        self.endpoints = dict(endpoints or {})
        self.telemetry = telemetry or Telemetry()
        self.store: IdempotencyStore | TransactionStore = store or MemoryStore()
        self.detect = detect
        self.on_error = on_error
        self.debug = debug
        # What deferral tokens are signed with, and sends what is queued within some seconds.
        self.token_secrets = token_secrets
        self.flush = flush
        self._begin = begin
        # The host freezes the process after its answer.
        self.freezes = freezes
        # For the integrations to call and to ask: `(span, request)`, `(span, request, response)`, an ExcludeList.
        self.request_hook = request_hook
        self.response_hook = response_hook
        self.excluded_urls = excluded_urls
        # Asked at every request: the endpoint of a path that was called without a prefix.
        self.find_path = PathMap(self.endpoints).find
        self.has_templates = any(sign in pattern for pattern in self.endpoints for sign in "{<")
        self._detected: dict[str, Endpoint] = {}
        self._said: set[str] = set()
        # Handlers that were found to be nobody's: neither marked nor behind a configured route. Bounded by the code.
        self.plain: set[Any] = set()
        self._standing: dict[tuple[int, int], Endpoint] = {}
        self._verifying: dict[str, tuple[Endpoint, ...]] = {}
        for endpoint in self.endpoints.values():
            if endpoint.verifies:
                provider = endpoint.options.provider
                self._verifying[provider] = (*self._verifying.get(provider, ()), endpoint)
        self._told: dict[tuple[str, str], float] = {}
        # Bodies that are kept, at paths that are not configured, to tell a lost delivery from a scan.
        self.proofs = PerSecond(_PROOFS_PER_SECOND)
        # None until they are read.
        self.exclusions: Exclusions | None = None

    def read_exclusions(self) -> Exclusions:
        """Reads what the variables exclude, at the first request: applications set variables late."""
        self.exclusions = Exclusions()
        return self.exclusions

    def delivery_begins(self) -> None:
        """The first time, what was put off until there is a delivery to report is done.

        Deliveries that begin at the same time wait for it: a span that was begun before would be nobody's.
        """
        if self._begin is None:
            return
        try:
            self._begin()
        except Exception as error:  # noqa: BLE001  # ours: the delivery goes on unreported
            self.failed("beginning to export", error)
        finally:
            self._begin = None

    def find(
        self, path: str, template: Callable[..., str | None], *where: Any, within: str | None = None
    ) -> Endpoint | None:
        """The endpoint configured for a concrete path, or for its route's template.

        Args:
            path: as the provider called it.
            template: gives the template, from `where`; asked only where endpoints are configured by template.
            within: the path without the prefix (SCRIPT_NAME, root_path) that the application is served below.
        """
        if not self.endpoints:
            return None
        endpoint = self.find_path(path)
        if within is not None and within is not path and within != path:
            endpoint = stricter(endpoint, self.find_path(within))
        if endpoint is None and self.has_templates:
            route = template(*where)
            endpoint = None if route is None else self.find_path(route)
        return endpoint

    def at_path(self, path: str, within: str) -> Endpoint | None:
        """The endpoint configured for a concrete path; arguments as for `find`."""
        endpoint = self.find_path(path)
        if within is not path and within != path:
            endpoint = stricter(endpoint, self.find_path(within))
        return endpoint

    def verifying(self, provider: str) -> tuple[Endpoint, ...]:
        """The configured endpoints that verify this provider's deliveries."""
        return self._verifying.get(provider, ())

    def standing(self, chosen: Endpoint, replaced: Endpoint | None, path: str) -> Endpoint:
        """`chosen`, with the verification of what it replaces where it has none itself; says so once."""
        if replaced is None or replaced is chosen or not replaced.verifies or chosen.verifies:
            return chosen
        key = (id(chosen), id(replaced))
        merged = self._standing.get(key)
        if merged is None:
            merged, said = with_standing_verification(path, chosen, replaced)
            self._standing[key] = merged
            logger.warning("outworx: %s", said)
        return merged

    def detect_pairs(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The provider whose unmistakable header is among (name, value) pairs of lower-case bytes."""
        if (
            not self.detect
            or method not in DEFAULT_METHODS
            or _DETECTION_NAMES.isdisjoint(map(_first, headers))
        ):
            return None
        return signatures.detect(headers)

    def detect_environ(self, method: str, environ: Mapping[str, Any]) -> str | None:
        """The same for the variables of a WSGI environ."""
        if not self.detect or method not in DEFAULT_METHODS or _environ_names().isdisjoint(environ.keys()):
            return None
        return signatures.detect(from_environ(environ))

    def endpoint_of_detected(self, provider: str) -> Endpoint:
        """The endpoint of requests whose headers are this provider's, and whose path is not configured."""
        endpoint = self._detected.get(provider)
        if endpoint is None:
            if self.endpoints:
                logger.info(
                    "outworx: %s sends webhooks to a path for which no endpoint is configured; they are reported and "
                    "not verified",
                    provider,
                )
            endpoint = Endpoint(TrackOptions(provider), "detection", detected=True)
            self._detected[provider] = endpoint
        return endpoint

    def known_secrets(self) -> Iterable[signatures.KnownSecret]:
        """Every configured secret with a label that may be shown."""
        for pattern, endpoint in self.endpoints.items():
            for secret in endpoint.secrets:
                yield signatures.KnownSecret(pattern, endpoint.options.provider, secret)

    def may_wait(self, endpoint: Endpoint) -> bool:
        """Whether a delivery may have to wait for a function of the user's or for the store."""
        return endpoint.asks_functions or (bool(endpoint.options.idempotency_key) and not self.store.instant)

    def call_hook(self, name: str, hook: Callable[..., Any], *arguments: Any) -> None:
        """Calls a hook of the application's; what it raises is reported and goes no further."""
        try:
            hook(*arguments)
        except Exception as error:  # noqa: BLE001  # the application's
            self.failed(f"calling {name}", error)

    def says_once(self, what: str) -> bool:
        """True the first time that `what` is to be said."""
        if what in self._said or len(self._said) >= _MAX_SAID:
            return False
        self._said.add(what)
        return True

    def say_unguarded(self, endpoint: Endpoint, path: str) -> None:
        """One ERROR for an endpoint that is served by something in front of which nothing verifies."""
        if self.says_once(f"unguarded {id(endpoint)}"):
            logger.error(
                "outworx: %r is answered 401: it could not be verified at the door, and what serves it is no route "
                "that outworx knows. Mount OutworxHooksMiddleware round it, or set public_url for a provider that "
                "signs the URL",
                path,
            )

    def report(self, error: OutworxError) -> None:
        """Logs the first error of a kind and place, and hands it to `on_error` once a minute.

        What a stranger can bring about at will, such as a bad Host, is one error and not as many as requests.
        """
        kind = f"{type(error).__name__}: {type(error.__cause__).__name__}"
        level = logging.DEBUG if kind in self._said else logging.ERROR
        self._said.add(kind)
        logger.log(level, "%s", error, exc_info=error.__cause__ if self.debug else None)
        if self.on_error is not None and self._is_due(kind, error):
            try:
                self.on_error(error)
            except Exception:  # noqa: BLE001  # the application's callback; nothing it does may reach a request
                logger.exception("on_error raised; the error it was given: %s", error)

    def _is_due(self, kind: str, error: OutworxError) -> bool:
        place, now = _place_of(error), time.monotonic()
        told = self._told.get((kind, place))
        if told is not None and now - told < _TELL_AGAIN:
            return False
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told[kind, place] = now
        return True

    def failed(self, doing: str, cause: BaseException) -> None:
        """Reports a failure of ours that was caught before it could touch a request."""
        error = InstrumentationError(f"{doing} failed: {scrub(described(cause))}")
        error.__cause__ = cause
        self.report(error)


def _place_of(error: OutworxError) -> str:
    """Where the cause was raised; of an error without one, its text."""
    trace = None if error.__cause__ is None else error.__cause__.__traceback__
    if trace is None:
        return str(error)
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


_current: Runtime | None = None


def current() -> Runtime:
    """The runtime in force."""
    return _current or replace(Runtime())


def replace(runtime: Runtime) -> Runtime:
    """Puts another runtime in force, for the requests that begin from now on."""
    global _current
    _current = runtime
    return runtime
