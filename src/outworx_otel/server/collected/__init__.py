"""Deliveries out of the table of the OpenTelemetry collector's ClickHouse exporter, which is only read."""

from outworx_otel.server.collected.following import Follower
from outworx_otel.server.collected.opening import collected_table, open_collected
from outworx_otel.server.collected.refused_calls import refused_calls

__all__ = ["Follower", "collected_table", "open_collected", "refused_calls"]
