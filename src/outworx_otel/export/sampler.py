"""The sampler `outworx_webhook`: no delivery of a configured endpoint is lost to sampling."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBasedTraceIdRatio, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, get_current_span
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

from outworx_otel.process import environment
from outworx_otel.process.loading import loaded
from outworx_otel.telemetry.semconv import DETECTED, PROVIDER

_logger = logging.getLogger("outworx_otel")


class OutworxWebhookSampler(Sampler):
    """Samples every configured endpoint's span, whatever its parent says, and the rest by ratio.

    Args:
        ratio: share of all other traces that is sampled, where no parent has decided.
    """

    def __init__(self, ratio: float = 1.0) -> None:
        self._ratio = ratio
        self._others = ParentBasedTraceIdRatio(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide on one span. A webhook that was only detected follows the ratio: its headers may be forged."""
        if attributes and PROVIDER in attributes and DETECTED not in attributes:
            parent = get_current_span(parent_context).get_span_context()
            state = parent.trace_state if parent is not None and parent.is_valid else None
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, state)
        return self._others.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Describes the sampler, as the SDK asks of it."""
        return f"OutworxWebhookSampler{{parentbased_traceidratio:{self._ratio}}}"


def outworx_webhook_sampler(arg: str | None = None) -> Sampler:
    """Makes the sampler of `OTEL_TRACES_SAMPLER=outworx_webhook`; `arg` is `OTEL_TRACES_SAMPLER_ARG`, the ratio."""
    loaded("the sampler outworx_webhook")
    text = (arg or "").strip()
    try:
        ratio = float(text) if text else 1.0
    except ValueError:
        ratio = math.nan
    if not 0.0 <= ratio <= 1.0:  # NaN is not
        _logger.warning("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not %r: 1.0 is used", text)
        ratio = 1.0
    return OutworxWebhookSampler(ratio)


def configured_sampler(ratio: float | None = None, **others: Any) -> Sampler:
    """Makes the sampler of `outworx_webhook:` in `OTEL_CONFIG_FILE`, whose reader passes no settings (0.66).

    Without a ratio, `OTEL_TRACES_SAMPLER_ARG` is the ratio.
    """
    if others:
        _logger.error(
            "outworx: OTEL_CONFIG_FILE, sampler outworx_webhook: unknown %s; known is ratio",
            ", ".join(others),
        )
    return outworx_webhook_sampler(
        environment.text("OTEL_TRACES_SAMPLER_ARG") if ratio is None else str(ratio)
    )
