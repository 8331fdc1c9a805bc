"""Every provider has samples; each is fresh, shaped as the provider's own, and verifies once it is signed."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signatures.deliveries import PROVIDERS, URL, secrets_of

from outworx_otel.cli.trigger.samples import (
    Sample,
    UnknownSample,
    changed,
    find,
    listed,
    parse_change,
    render,
)
from outworx_otel.errors import ConfigurationError
from outworx_otel.http.body import FieldPicker
from outworx_otel.signatures import detect, providers, scheme_for, sign_request, verify

SAMPLES = [sample for row in providers() for sample in listed(row.provider)]
NOW = 1_790_000_000.25


def _name(sample: Sample) -> str:
    return f"{sample.provider}-{sample.event}"


def _lower(headers: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers}


def test_every_provider_of_the_table_has_a_sample() -> None:
    assert {row.provider for row in providers()} == {sample.provider for sample in SAMPLES}


@pytest.mark.parametrize("provider", ["stripe", "github", "shopify", "slack", "clerk"])
def test_the_common_providers_have_several(provider: str) -> None:
    assert len(listed(provider)) >= 5


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.provider in PROVIDERS], ids=_name)
def test_a_signed_sample_is_valid(sample: Sample) -> None:
    private, public = secrets_of(sample.provider)
    rendered = render(sample, NOW)
    signed = sign_request(sample.provider, rendered.body, private, now=NOW, url=URL, headers=rendered.headers)
    headers = {**_lower(rendered.headers), **signed.headers}

    assert verify(sample.provider, signed.body, headers, public, now=NOW, url=signed.url)


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_nothing_in_a_sample_is_left_unfilled_and_its_body_is_what_its_content_type_says(
    sample: Sample,
) -> None:
    rendered = render(sample, NOW)
    headers = _lower(rendered.headers)

    assert "${" not in rendered.body.decode() + repr(headers)
    if sample.is_form:
        assert headers["content-type"].startswith("application/x-www-form-urlencoded")
    else:
        # Amazon SNS sends its JSON as text.
        assert headers["content-type"].startswith(("application/json", "text/plain"))
        assert json.loads(rendered.body)


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_each_delivery_of_a_sample_is_a_new_one(sample: Sample) -> None:
    scheme = scheme_for(sample.provider)
    assert scheme is not None
    first, second = render(sample, NOW), render(sample, NOW)

    if scheme.event_id and not scheme.id_header and sample.provider not in ("slack",):
        assert _found(scheme.event_id, first.body, first.headers)
        assert _found(scheme.event_id, first.body, first.headers) != _found(
            scheme.event_id, second.body, second.headers
        )
    assert (first.body, first.headers) != (second.body, second.headers) or sample.provider == "supabase"


# Their rows read something else than the event's name (`object`, a number, a subscription's type), or nothing.
_NAMED_OTHERWISE = {"meta", "whatsapp", "discord", "supabase", "twitch"}
_TYPELESS = {row.provider for row in providers() if not row.event_type}
NAMED = [
    sample
    for sample in SAMPLES
    if sample.provider not in _NAMED_OTHERWISE | _TYPELESS
    and not (sample.provider == "slack" and (sample.is_form or sample.event == "url_verification"))
]


@pytest.mark.parametrize("sample", NAMED, ids=_name)
def test_the_event_type_that_telemetry_reads_is_the_samples(sample: Sample) -> None:
    scheme = scheme_for(sample.provider)
    assert scheme is not None
    rendered = render(sample, NOW)

    found = _found(scheme.event_type, rendered.body, rendered.headers)
    assert found in (sample.event, sample.event.partition(".")[0])


def _found(place: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> Any:
    where, _, name = place.partition(".")
    if where == "header":
        return _lower(headers).get(name)
    return FieldPicker((name,)).pick(body)[0]


@pytest.mark.parametrize("provider", ["github", "shopify", "gitlab", "bitbucket", "jira"])
def test_the_providers_own_headers_give_it_away(provider: str) -> None:
    assert {detect(_lower(render(sample, NOW).headers)) for sample in listed(provider)} == {provider}


def test_times_in_the_payload_are_those_of_the_moment() -> None:
    now = time.time()

    assert json.loads(render(find("stripe", "charge.succeeded"), now).body)["created"] == int(now)
    assert json.loads(render(find("linear", "Issue.create"), now).body)["webhookTimestamp"] == int(now * 1000)


def test_one_id_is_the_same_wherever_it_stands_in_a_payload() -> None:
    charge = json.loads(render(find("github", "push"), NOW).body)

    assert charge["after"] == charge["commits"][0]["id"] == charge["head_commit"]["id"]


@pytest.mark.parametrize(
    ("provider", "event", "said"),
    [
        ("strpe", "charge.succeeded", "did you mean stripe?"),
        ("stripe", "charge.suceeded", "did you mean 'charge.succeeded'?"),
        ("shopify", "order/create", "did you mean 'orders/create'?"),
        ("stripe", "zzzz", "there are 'charge.refunded', "),
    ],
)
def test_an_unknown_name_suggests_the_nearest(provider: str, event: str, said: str) -> None:
    with pytest.raises(UnknownSample, match=r".") as raised:
        find(provider, event)

    assert said in str(raised.value)


@pytest.mark.parametrize("event", ["Push Hook", "push"])
def test_an_event_is_found_by_the_providers_name_and_by_its_files(event: str) -> None:
    assert find("gitlab", event).event == "Push Hook"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("a=5", {"a": 5, "list": [{"b": 1}, 2]}),
        ("a=five", {"a": "five", "list": [{"b": 1}, 2]}),
        ('a="5"', {"a": "5", "list": [{"b": 1}, 2]}),
        ("a=x=y", {"a": "x=y", "list": [{"b": 1}, 2]}),
        ("list.0.b=null", {"a": 1, "list": [{"b": None}, 2]}),
        ("list.2=3", {"a": 1, "list": [{"b": 1}, 2, 3]}),
        ("new.deep=true", {"a": 1, "list": [{"b": 1}, 2], "new": {"deep": True}}),
    ],
)
def test_a_change_is_json_where_it_can_be_and_text_otherwise(change: str, expected: object) -> None:
    assert changed({"a": 1, "list": [{"b": 1}, 2]}, [parse_change(change)]) == expected


@pytest.mark.parametrize("change", ["a.b=1", "list.7=1", "list.x=1", "list.1.c=1"])
def test_a_change_that_does_not_fit_says_where(change: str) -> None:
    with pytest.raises(ConfigurationError, match="--set"):
        changed({"a": 1, "list": [{"b": 1}, 2]}, [parse_change(change)])


@given(text=st.text(max_size=60))
def test_any_change_is_made_or_refused_and_leaves_the_template_alone(text: str) -> None:
    document = {"a": {"b": [1, {"c": 2}]}, "n": 1}
    with contextlib.suppress(ConfigurationError):
        changed(document, [parse_change(text)])
    assert document == {"a": {"b": [1, {"c": 2}]}, "n": 1}
