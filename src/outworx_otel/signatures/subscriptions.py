"""Subscriptions that are confirmed by calling the provider back: at its own address alone, and for a bounded time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

from outworx_otel.errors import OutworxError

_SECONDS: Final = 5.0
_MOST: Final = 64 * 1024
AMAZON_HOSTS: Final = r"sns\.[a-z]{2,4}(?:-[a-z]{2,16}){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?"
"""Amazon SNS by its regions, as AWS names them: `sns.s3-us-west-2.amazonaws.com` would be somebody's bucket."""

# The default port, no path and no credentials.
_AMAZON: Final = re.compile(rf"https://{AMAZON_HOSTS}/\?([\x21-\x7e]{{1,2048}})", re.ASCII)


class NotConfirmed(OutworxError):
    """A subscription that could not be confirmed, or is not to be; the message says why."""


def confirm_at_amazon(document: Any) -> None:
    """Calls the SubscribeURL of an Amazon SNS message whose signature was checked. Blocks.

    Raises:
        NotConfirmed: the address is none of Amazon's, is not for the message's topic, or does not answer 2xx.
    """
    message = document if isinstance(document, Mapping) else {}
    url = message.get("SubscribeURL")
    found = _AMAZON.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        raise NotConfirmed("SubscribeURL is no address of Amazon SNS")
    asked = parse_qs(found[1], max_num_fields=16)
    if asked.get("Action") != ["ConfirmSubscription"] or asked.get("TopicArn") != [message.get("TopicArn")]:
        raise NotConfirmed("SubscribeURL confirms no subscription of the message's own topic")
    status = _get(found[0])
    if not 200 <= status < 300:
        raise NotConfirmed(f"Amazon SNS answered {status}")


def _get(url: str) -> int:
    # Imported late: hardly any process confirms a subscription.
    from outworx_otel.http.bounded_client import BoundedClient
    from outworx_otel.http.certificates import trust
    from outworx_otel.version import __version__

    client = BoundedClient(trust, connections=1)
    try:
        headers = [("User-Agent", f"outworx-otel/{__version__}")]
        return client.call("GET", url, headers, seconds=_SECONDS, most=_MOST).status
    finally:
        client.close()
