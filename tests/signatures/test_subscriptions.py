"""Amazon SNS's subscriptions are confirmed at Amazon, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.http.bounded_client import BoundedClient, Reply, TooLate
from outworx_otel.signatures.subscriptions import NotConfirmed, confirm_at_amazon

TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
QUERY = f"Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
URL = f"https://sns.us-west-2.amazonaws.com/?{QUERY}"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, float]]:
    """The calls that would go out; Amazon answers 200."""
    calls: list[tuple[str, str, float]] = []

    def call(client: Any, method: str, url: str, *given: Any, seconds: float, **others: Any) -> Reply:
        calls.append((method, url, seconds))
        return Reply(200, (), b"")

    monkeypatch.setattr(BoundedClient, "call", call)
    return calls


@pytest.mark.parametrize("url", [URL, URL.replace(".com/", ".com.cn/").replace("us-west-2.", "cn-north-1.")])
def test_the_address_in_the_message_is_called_once(called: list[Any], url: str) -> None:
    confirm_at_amazon({"SubscribeURL": url, "TopicArn": TOPIC})
    assert called == [("GET", url, 5.0)]


@pytest.mark.parametrize(
    "url",
    [
        None,
        ["https://sns.us-west-2.amazonaws.com/"],
        URL.replace("https", "http"),
        URL.replace("sns.us-west-2.amazonaws.com", "sns.us-west-2.amazonaws.com.evil.example"),
        URL.replace("sns.us-west-2.amazonaws.com", "evil.example"),
        URL.replace("sns.us-west-2.amazonaws.com", "sns.us-west-2.amazonaws.com:8443"),
        URL.replace("https://", "https://user@"),
        URL.replace("https://", "https://evil.example/?https://"),
        URL.replace("https://sns.", "https://s3."),
        URL.replace("us-west-2.", "s3-us-west-2."),
        URL.replace("sns.us-west-2.", "sns.us-west-2.169.254.169.254."),
        URL.replace("/?", "/latest/meta-data?"),
        URL.replace("us-west-2.", "us_west@2."),
        f"{URL}\r\nX: y",
        f"{URL} ",
        URL.replace("ConfirmSubscription", "Unsubscribe"),
        URL.replace(":MyTopic", ":Another"),
        f"{URL}&TopicArn={TOPIC}x",
        f"{URL}&{'a=&' * 20}b=",
        URL + "a" * 3000,
    ],
)
def test_no_other_address_is_called(called: list[Any], url: Any) -> None:
    with pytest.raises((NotConfirmed, ValueError)):
        confirm_at_amazon({"SubscribeURL": url, "TopicArn": TOPIC})
    assert called == []


@pytest.mark.parametrize("document", [None, [], "x", {}, {"SubscribeURL": URL}])
def test_a_message_without_a_topic_confirms_nothing(called: list[Any], document: Any) -> None:
    with pytest.raises(NotConfirmed):
        confirm_at_amazon(document)
    assert called == []


def test_a_redirect_or_an_error_of_amazons_confirms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for status in (301, 403, 500):
        monkeypatch.setattr(BoundedClient, "call", lambda *a, status=status, **k: Reply(status, (), b""))
        with pytest.raises(NotConfirmed, match=str(status)):
            confirm_at_amazon({"SubscribeURL": URL, "TopicArn": TOPIC})

    def away(*given: Any, **others: Any) -> Reply:
        raise TooLate("no answer within 5 s")

    monkeypatch.setattr(BoundedClient, "call", away)
    with pytest.raises(TooLate):
        confirm_at_amazon({"SubscribeURL": URL, "TopicArn": TOPIC})
