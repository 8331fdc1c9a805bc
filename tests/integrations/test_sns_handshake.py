"""Amazon SNS's SubscriptionConfirmation: confirmed where the endpoint asks, once its signature holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from signatures.published.sns import HEADERS, TOPIC, publish, sns_message
from support.calls import PATH, Framework, Witness
from support.key_server import KeyServer, Published, Signer

from outworx_otel import TrackOptions

from .conftest import Telemetry

URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
ASKED = {**HEADERS, "x-amz-sns-message-type": "SubscriptionConfirmation"}
Monitor = Callable[..., None]


def question(signer: Signer, url: str = URL) -> bytes:
    return sns_message(signer, Type="SubscriptionConfirmation", Token="2336412f37", SubscribeURL=url)  # noqa: S106


@pytest.fixture
def amazon(key_server: KeyServer, signer: Signer) -> KeyServer:
    """Amazon's key, and the address that confirms."""
    publish(key_server, signer)
    key_server.published[URL] = Published(b"<ConfirmSubscriptionResponse/>")
    return key_server


def test_a_subscription_is_confirmed_at_its_address_and_no_handler_runs(
    each: Framework, monitor: Monitor, telemetry: Telemetry, amazon: KeyServer, signer: Signer
) -> None:
    monitor({PATH: TrackOptions("aws_sns", signature_secret=TOPIC, handshake=True)})
    handler = Witness()
    answer = each.serve(handler).post(question(signer), ASKED)
    assert (answer.status, handler.calls) == (200, [])
    assert amazon.urls.count(URL) == 1
    assert telemetry.said("outcome") == "handshake"


def test_a_forged_one_or_one_for_another_address_is_not(
    each: Framework, monitor: Monitor, amazon: KeyServer, signer: Signer, another_signer: Signer
) -> None:
    monitor({PATH: TrackOptions("aws_sns", signature_secret=TOPIC, handshake=True)})
    served = each.serve(Witness())
    assert served.post(question(another_signer), ASKED).status == 401
    assert served.post(question(signer, URL.replace("sns.eu", "s3.eu")), ASKED).status == 503
    assert URL not in amazon.urls


def test_where_nobody_asks_it_is_a_delivery_like_any_other(
    each: Framework, monitor: Monitor, amazon: KeyServer, signer: Signer
) -> None:
    monitor({PATH: TrackOptions("aws_sns", signature_secret=TOPIC)})
    handler = Witness()
    assert each.serve(handler).post(question(signer), ASKED).status == 200
    assert len(handler.calls) == 1
    assert URL not in amazon.urls
