"""What `/metrics` tells, for Prometheus: this server itself, and the deliveries that it has taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outworx_otel.version import __version__

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_KINDS: Final = (
    ("/v1/", "ingest"),
    ("/api/ingest", "ingest"),
    ("/api/sdk/", "sdk"),
    ("/api/forward/", "forward"),
    ("/api/", "api"),
    ("/t/", "tunnel"),
    ("/static/", "static"),
    ("/metrics", "metrics"),
    ("/healthz", "health"),
)

Endpoint = tuple[str, str, str, str]
"""service, provider, route, outcome."""


class Metrics:
    """The numbers of one server process. Those of several that share a database add up.

    Attributes:
        commits: how long the writer's transactions take, in seconds.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "outworx_http_requests",
            "Requests that were answered, by what they were for and their status.",
            ["kind", "status"],
            registry=self._registry,
        )
        self._spans = Counter(
            "outworx_ingest_items",
            "What applications sent: spans, metric points and events, as accepted (taken) or rejected (unusable).",
            ["signal", "result"],
            registry=self._registry,
        )
        self.commits = Histogram(
            "outworx_writer_commit_duration_seconds",
            "How long a transaction of the writer takes until it is durable.",
            registry=self._registry,
            buckets=_SECONDS,
        )

    def ingested(self, signal: str, accepted: int, rejected: int) -> None:
        """Counts what one request of an application brought.

        Args:
            signal: traces, metrics or events.
        """
        for result, count in (("accepted", accepted), ("rejected", rejected)):
            self._spans.labels(signal, result).inc(count)

    def watch(self, gauges: Mapping[str, tuple[str, Callable[[], float | None]]]) -> None:
        """Asks for numbers each time that `/metrics` is read; one that is None is left out.

        Args:
            gauges: name -> (what it is, the number).
        """
        self._registry.register(_Gauges(gauges))

    def deliveries(self, counted: Callable[[], Mapping[Endpoint, int]]) -> None:
        """Tells of deliveries.

        Args:
            counted: how many were kept since the start; of a bounded number of endpoints.
        """
        self._registry.register(_Deliveries(counted))

    def told(self, accept: str) -> tuple[bytes, str]:
        """Returns the text and its type, in the format that the reader asks for. Blocks: it asks the database."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def counting(self, app: ASGIApp) -> ASGIApp:
        """Wraps an application so that its answers are counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return

            async def answer(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._requests.labels(_kind(scope["path"]), str(message["status"])).inc()
                await send(message)

            await app(scope, receive, answer)

        return counted


class _Gauges(Collector):
    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float | None]]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[Metric]:
        # Else the registry would ask for the numbers before there are any.
        return [GaugeMetricFamily(name, text) for name, (text, _) in self._gauges.items()]

    def collect(self) -> Iterable[Metric]:
        yield _info()
        for name, (text, asked) in self._gauges.items():
            value = asked()
            if value is not None:
                yield GaugeMetricFamily(name, text, value)


class _Deliveries(Collector):
    def __init__(self, counted: Callable[[], Mapping[Endpoint, int]]) -> None:
        self._counted = counted

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for endpoint, count in self._counted().items():
            family.add_metric(endpoint, count)
        yield family

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(
            "outworx_deliveries",
            "Deliveries that were kept since this server started, each once.",
            labels=("service", "provider", "route", "outcome"),
        )


def _info() -> Metric:
    info = GaugeMetricFamily("outworx_build_info", "1, by this server's version.", labels=["version"])
    info.add_metric([__version__], 1)
    return info


def _kind(path: str) -> str:
    return next((kind for prefix, kind in _KINDS if path.startswith(prefix)), "page")
