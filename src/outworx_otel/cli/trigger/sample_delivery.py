"""Makes deliveries of a sample: renders it, spoils it if asked, signs it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import Any

from outworx_otel.cli.trigger import spoiling
from outworx_otel.cli.trigger.samples import Change, Sample, render
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import Credentials, Outgoing, signed_url
from outworx_otel.signatures import SignatureScheme, scheme_for, sign_request
from outworx_otel.signatures.secret import row_for_secret


@dataclasses.dataclass(frozen=True)
class PreparedDelivery:
    """A delivery that can be sent once, and again as a retry.

    Args:
        request: what to send.
        event_id: by which it is told from others, where the provider has such an id.
    """

    request: Outgoing
    event_id: str | None


class SampleDeliveries:
    """Makes deliveries of one sample for one address.

    Args:
        sample: what to send.
        changes: to its payload.
        url: where it goes.
        credentials: the endpoint's.
        headers: the user's own, which replace those of the same name.
        reason: what they are to be rejected for, or None.

    Raises:
        ConfigurationError: this provider's sender cannot cause the reason.
    """

    def __init__(
        self,
        sample: Sample,
        changes: Sequence[Change],
        url: str,
        credentials: Credentials,
        headers: Sequence[tuple[str, str]],
        reason: str | None,
    ) -> None:
        scheme = scheme_for(sample.provider)
        if scheme is None:
            raise ConfigurationError(f"{sample.provider} has no row to sign with")
        # Some providers have two schemes, told apart by the secret.
        row = scheme if credentials.secret is None else row_for_secret(scheme, credentials.secret)
        if reason is not None:
            problem = spoiling.obstacle(reason, row, sample, credentials)
            if problem is not None:
                raise ConfigurationError(problem)
        self._row = row
        self._sample, self._changes, self._url = sample, changes, url
        self._credentials, self._headers, self._reason = credentials, headers, reason

    def make(self) -> PreparedDelivery:
        """A delivery with a fresh id and the time of now."""
        row, reason = self._row, self._reason
        now = spoiling.signing_time(reason, time.time(), row, self._credentials)
        rendered = render(self._sample, now, self._changes)
        body = spoiling.body_to_sign(reason, rendered.body, self._sample.is_form, self._credentials)
        url, signed = self._url, {}
        if spoiling.is_signed(reason, row):
            public = signed_url(self._credentials.public_url, url)
            secret = spoiling.signing_secret(reason, self._credentials.secret, row)
            result = sign_request(row.provider, body, secret, now=now, url=public, headers=rendered.headers)
            body, signed = result.body, result.headers
            url = result.url if public == url and result.url is not None else url
        body = spoiling.body_to_send(reason, body)
        signature = spoiling.headers_to_send(reason, signed, row)
        own = {name.lower() for name, _ in self._headers}
        headers = [(name, value) for name, value in rendered.headers if name.lower() not in own]
        headers += [(name, value) for name, value in signature.items() if name.lower() not in own]
        request = Outgoing("POST", url, (*headers, *self._headers), body, True)
        return PreparedDelivery(request, _event_id(row, request))


def _event_id(scheme: SignatureScheme, request: Outgoing) -> str | None:
    place, _, name = scheme.event_id.partition(".")
    if place == "header":
        return next((value for key, value in request.headers if key.lower() == name), None)
    if place != "body" or not request.body.startswith(b"{"):
        return None
    value: Any = json.loads(request.body)
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return None if value is None else str(value)
