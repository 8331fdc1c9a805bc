"""What plugs into the OpenTelemetry SDK: span processor, exporters, sampler, and delivery at exit."""

from outworx_otel.export.destination import DEFAULT_ENDPOINT, DEFAULT_TIMEOUT, Destination
from outworx_otel.export.events import encode_events, event_of
from outworx_otel.export.exit import flush_at_exit
from outworx_otel.export.http_client import HttpClient
from outworx_otel.export.metrics import OutworxMetricExporter
from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.export.sampler import OutworxWebhookSampler, outworx_webhook_sampler
from outworx_otel.export.send_result import SendResult, Verdict
from outworx_otel.export.served_destinations import is_served, stand_down_before
from outworx_otel.export.spans import OutworxSpanExporter, OutworxSpanProcessor

__all__ = [
    "DEFAULT_ENDPOINT",
    "DEFAULT_TIMEOUT",
    "Destination",
    "HttpClient",
    "OutworxMetricExporter",
    "OutworxSpanExporter",
    "OutworxSpanProcessor",
    "OutworxWebhookSampler",
    "RetryPolicy",
    "SendResult",
    "Verdict",
    "encode_events",
    "event_of",
    "flush_at_exit",
    "is_served",
    "outworx_webhook_sampler",
    "stand_down_before",
]
