"""For the tests of applications: signed deliveries, and what became of them.

The pytest plugin `outworx_otel.testing.plugin` brings the fixture `webhooks` and the option
`--webhooks-fail-on-silent-drop`.
"""

from outworx_otel.signatures import sign
from outworx_otel.testing.capture import CapturedDelivery, Webhooks, capture
from outworx_otel.testing.posting import post_webhook
from outworx_otel.testing.trust import trusted

__all__ = ["CapturedDelivery", "Webhooks", "capture", "post_webhook", "sign", "trusted"]
