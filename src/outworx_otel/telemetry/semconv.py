"""Every attribute, metric and scope name, once.

Standard names are those of OpenTelemetry's semantic conventions for HTTP, code, exceptions and
CloudEvents; ours begin with `outworx.webhook.`.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "outworx_otel"
# The newest that opentelemetry-semantic-conventions knows; every standard name below is current in it.
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

PROVIDER: Final = "outworx.webhook.provider"
DETECTED: Final = "outworx.webhook.detected"
EVENT_TYPE: Final = "outworx.webhook.event.type"
EVENT_ID: Final = "outworx.webhook.event.id"

OUTCOME: Final = "outworx.webhook.outcome"
NEAREST_ROUTE: Final = "outworx.webhook.nearest_route"

SIGNATURE_VALID: Final = "outworx.webhook.signature.valid"
SIGNATURE_REASON: Final = "outworx.webhook.signature.reason"
SIGNATURE_HINT: Final = "outworx.webhook.signature.hint"
SIGNATURE_KEY_INDEX: Final = "outworx.webhook.signature.key_index"
SIGNATURE_KEY_COUNT: Final = "outworx.webhook.signature.key_count"
SIGNATURE_AGE: Final = "outworx.webhook.signature.age"
SIGNATURE_KIND: Final = "outworx.webhook.signature.kind"

IDEMPOTENCY_OUTCOME: Final = "outworx.webhook.idempotency.outcome"
IDEMPOTENCY_MODE: Final = "outworx.webhook.idempotency.mode"
IDEMPOTENCY_KEY: Final = "outworx.webhook.idempotency.key"
IDEMPOTENCY_COMMITTED: Final = "outworx.webhook.idempotency.committed"
IDEMPOTENCY_BODY_OMITTED: Final = "outworx.webhook.idempotency.body_omitted"
IDEMPOTENCY_FINGERPRINT_MISMATCH: Final = "outworx.webhook.idempotency.fingerprint_mismatch"

PROCESSING_STATUS: Final = "outworx.webhook.processing.status"
PROCESSING_REASON: Final = "outworx.webhook.processing.reason"
PROCESSING_MARKED_AT: Final = "outworx.webhook.processing.marked_at"
QUEUE_DELAY: Final = "outworx.webhook.processing.queue_delay"
SILENT_DROP_CAUSE: Final = "outworx.webhook.silent_drop.cause"
SILENT_DROP_EVENT: Final = "outworx.webhook.silent_drop"
ROLLED_BACK_EVENT: Final = "outworx.webhook.rolled_back"

METADATA_PREFIX: Final = "outworx.webhook.metadata."
METADATA_OMITTED: Final = "outworx.webhook.metadata_omitted"
HEADERS_OMITTED: Final = "outworx.webhook.headers_omitted"
REQUEST_BODY: Final = "outworx.webhook.request.body"
RESPONSE_BODY: Final = "outworx.webhook.response.body"

CLOUDEVENTS_TYPE: Final = "cloudevents.event_type"
CLOUDEVENTS_ID: Final = "cloudevents.event_id"
CLOUDEVENTS_SOURCE: Final = "cloudevents.event_source"

HTTP_METHOD: Final = "http.request.method"
HTTP_METHOD_ORIGINAL: Final = "http.request.method_original"
HTTP_ROUTE: Final = "http.route"
URL_PATH: Final = "url.path"
HTTP_STATUS: Final = "http.response.status_code"
HTTP_BODY_SIZE: Final = "http.request.body.size"
HTTP_REQUEST_HEADER_PREFIX: Final = "http.request.header."
ERROR_TYPE: Final = "error.type"
CODE_FILE: Final = "code.file.path"
CODE_LINE: Final = "code.line.number"
CODE_FUNCTION: Final = "code.function.name"
EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

METRIC_DELIVERIES: Final = "outworx.webhook.deliveries"
METRIC_DURATION: Final = "outworx.webhook.duration"
METRIC_SIGNATURE_AGE: Final = "outworx.webhook.signature.age"
