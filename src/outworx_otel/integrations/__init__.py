"""One file per framework: its instrumentor, its hand-mounted adapter, and nothing else."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from outworx_otel import drops
from outworx_otel.errors import ConfigurationError, described
from outworx_otel.setup.bootstrap import Endpoints, amiss, prepare, reset

# FastAPI's routes are Starlette's and more: both are switched on where both are there.
_INSTRUMENTORS: Final = {
    "starlette": "StarletteInstrumentor",
    "fastapi": "FastAPIInstrumentor",
    "flask": "FlaskInstrumentor",
    "django": "DjangoInstrumentor",
}
# Those that are switched on when the application imports this module, and not before: most who have aiohttp
# installed use its client alone, and importing either takes a third of a second.
_WHEN_IMPORTED: Final = {
    "litestar": ("litestar", "LitestarInstrumentor"),
    "aiohttp": ("aiohttp.web", "AioHttpServerInstrumentor"),
    "celery": ("celery.signals", "CeleryInstrumentor"),
    "rq": ("rq.job", "RQInstrumentor"),
}
# The frameworks of these that are to be switched on; wrapt's hooks cannot be taken back.
_awaited: set[str] = set()
_hooked: set[str] = set()


def _flush_at_its_end(signals: Any) -> None:
    """A child of Celery's ends by `os._exit`, also where `resume()` was called by hand."""
    from outworx_otel.integrations._background import flush

    signals.worker_process_shutdown.connect(flush, weak=False)


wrapt.register_post_import_hook(_flush_at_its_end, "celery.signals")


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    endpoints: Endpoints | None = None,
    excluded_urls: str | None = None,
    request_hook: Callable[..., Any] | None = None,
    response_hook: Callable[..., Any] | None = None,
    **others: Any,
) -> None:
    """Switches on every framework that is installed: Starlette, FastAPI, Flask, Django, Litestar, aiohttp.

    The queues Celery and RQ as well, which carry deferred work.

    For applications made before or after; harmless when it is called again. Where spans go is for `init()`, or
    for the application's own OpenTelemetry set-up. Also where it raises, the frameworks are switched on by then, so
    that an endpoint which is to verify signatures lets nothing in unverified.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: what is wanted where: `{"/webhooks/stripe": TrackOptions("stripe", ...)}`; `*` stands for any
            rest of a path, and a plain mapping of options for `TrackOptions`.
        excluded_urls: comma-separated regular expressions: paths without spans.
        request_hook: `(span, request)`, called when a delivery's span has begun.
        response_hook: `(span, request, response)`, called before it ends.
        others: what OpenTelemetry passes to instrumentors; anything else is an error.

    Raises:
        ConfigurationError: an argument, an option or a configuration file that cannot be used.
        SystemExit: with status 78, for such a configuration where `OUTWORX_STRICT` is set.
    """
    try:
        prepare(
            strict=True,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            endpoints=endpoints,
            excluded_urls=excluded_urls,
            request_hook=request_hook,
            response_hook=response_hook,
            where="instrument()",
            **others,
        )
    except ConfigurationError:
        _switch_all_on()
        raise
    _switch_all_on()


def _switch_all_on() -> None:
    for instrumentor in _installed():
        _switch_on(instrumentor)
    for framework, (module, name) in _WHEN_IMPORTED.items():
        _awaited.add(framework)
        if framework not in _hooked:
            _hooked.add(framework)
            wrapt.register_post_import_hook(partial(_imported, framework, name), module)
        elif module in sys.modules:
            _imported(framework, name)


def _imported(framework: str, name: str, module: object = None) -> None:
    if framework in _awaited:
        instrumentor = _load(framework, name)
        if instrumentor is not None:
            _switch_on(instrumentor)


def _switch_on(instrumentor: BaseInstrumentor) -> None:
    if instrumentor.is_instrumented_by_opentelemetry:
        return
    try:
        instrumentor.instrument(skip_dep_check=True)
    except Exception as error:  # noqa: BLE001  # the others go on
        amiss(
            f"outworx: {type(instrumentor).__name__} could not be switched on, so nobody guards its applications: "
            f"{described(error)}"
        )


def uninstrument() -> None:
    """Takes every patch out again: requests pass as if this package were not there, and are not verified."""
    _awaited.clear()
    loaded = (
        _load(framework, name)
        for framework, (_, name) in _WHEN_IMPORTED.items()
        if f"{__name__}.{framework}" in sys.modules
    )
    for instrumentor in (*_installed(), *loaded):
        if instrumentor is not None and instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    drops.stop()
    reset()


def _installed() -> list[BaseInstrumentor]:
    installed = (
        _load(framework, name)
        for framework, name in _INSTRUMENTORS.items()
        if importlib.util.find_spec(framework) is not None
    )
    return [instrumentor for instrumentor in installed if instrumentor is not None]


def _load(framework: str, name: str) -> BaseInstrumentor | None:
    try:
        module = importlib.import_module(f"{__name__}.{framework}")
    except Exception as error:  # noqa: BLE001  # installed, and broken or too old for us
        amiss(
            f"outworx: {framework} cannot be imported, so nobody guards its applications: {described(error)}"
        )
        return None
    instrumentor: BaseInstrumentor = getattr(module, name)()
    return instrumentor
