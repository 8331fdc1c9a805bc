"""What holds for every provider and any input."""

from __future__ import annotations

import math
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scale import scaled

from outworx_otel.http.headers import Headers
from outworx_otel.signatures import Verifier, providers, scheme_for, sign_request, verify

from .deliveries import BODIES, NOW, SHAPES, URL, WHSEC, Delivery, delivery_of, secrets_of

VERIFIERS = {name: Verifier(name, delivery_of(name).secret) for name in SHAPES}
COVERING = tuple(
    row.provider
    for row in providers()
    if row.provider in SHAPES and row.signs_body and row.provider not in BODIES
)
HEADER_TEXT = st.text(st.characters(max_codepoint=0x17F, exclude_characters="\r\n\0"), max_size=60)


def _flip(raw: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[position % len(raw)] ^= 1 << bit
    return bytes(changed)


def _is_free(provider: str, name: str, text: bytes, changed: bytes) -> bool:
    """The case of hex and of the word before credentials (RFC 9110, 11.1), and the name of a key that Sinch sends."""
    if (
        provider == "sinch_voice"
        and changed.count(b":") == 1
        and changed.endswith(text.partition(b":")[1:][1])
    ):
        return changed.partition(b" ")[0].lower() == text.partition(b" ")[0]
    word = text.partition(b" ")[0]
    of_a_word = name.lower() == "authorization" and changed[len(word) :] == text[len(word) :]
    of_hex = scheme_for(provider).encoding == "hex"  # type: ignore[union-attr]  # it has a row
    return changed.lower() == text.lower() and (of_a_word or of_hex)


@pytest.mark.parametrize("provider", COVERING)
@settings(max_examples=scaled(15, 6), deadline=None)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_body_is_rejected(provider: str, position: int, bit: int) -> None:
    delivery = delivery_of(provider)

    assert not delivery.verified(VERIFIERS[provider], body=_flip(delivery.body, position, bit))


@pytest.mark.parametrize("provider", [name for name in SHAPES if delivery_of(name).headers])
@settings(max_examples=scaled(25, 10), deadline=None)
@given(position=st.integers(0, 10**6), bit=st.integers(0, 6), which=st.integers(0, 5))
def test_any_flipped_bit_of_signature_timestamp_or_id_is_rejected(
    provider: str, position: int, bit: int, which: int
) -> None:
    delivery = delivery_of(provider)
    name = sorted(delivery.headers)[which % len(delivery.headers)]
    text = delivery.headers[name].encode()
    changed = _flip(text, position, bit)
    if _is_free(provider, name, text, changed):
        return

    result = delivery.verified(
        VERIFIERS[provider], headers={**delivery.headers, name: changed.decode("latin-1")}
    )

    # Flipping the tag of one entry leaves no entry, flipping a separator no form: any reason will do.
    assert not result.valid
    assert result.reason is not None


@pytest.mark.parametrize("provider", [name for name in SHAPES if name not in BODIES])
@settings(max_examples=scaled(15, 6), deadline=None)
@given(body=st.binary(max_size=200), message_id=st.uuids(), now=st.integers(1, 4_000_000_000))
def test_verify_accepts_what_sign_makes_of_any_body(
    provider: str, body: bytes, message_id: UUID, now: int
) -> None:
    private, _ = secrets_of(provider)
    signed = sign_request(provider, body, private, now=now, url=URL, message_id=f"msg_{message_id}")

    assert VERIFIERS[provider].verify(signed.body, signed.headers, now=now, url=signed.url)


ANYTHING = st.one_of(
    st.none(),
    st.integers(),
    st.binary(max_size=40),
    HEADER_TEXT,
    st.text(max_size=40),
    st.floats(),
    st.lists(st.integers(), max_size=3),
)


@pytest.mark.parametrize("provider", SHAPES)
@settings(max_examples=scaled(20, 8), deadline=None)
@given(data=st.data())
def test_any_input_gets_an_answer_and_never_an_exception(provider: str, data: st.DataObject) -> None:
    names = sorted({*delivery_of(provider).headers, "content-type", "content-encoding"})
    values = st.one_of(
        HEADER_TEXT,
        st.binary(max_size=40),
        st.sampled_from(sorted(delivery_of(provider).headers.values()) or [""]),
    )
    headers = data.draw(
        st.one_of(
            st.dictionaries(st.sampled_from(names), values),
            st.lists(st.tuples(st.sampled_from(names), values)),
            st.lists(st.tuples(ANYTHING, ANYTHING, ANYTHING)),
            st.lists(ANYTHING),
            ANYTHING,
        )
    )
    body = data.draw(
        st.one_of(
            st.binary(max_size=200), st.text(max_size=100), st.sampled_from([delivery_of(provider).body])
        )
    )
    url = data.draw(st.one_of(st.none(), st.text(max_size=40), st.just(URL), st.just("http://[::1]:99999/x")))

    result = VERIFIERS[provider].verify(body, headers, now=NOW, url=url)
    again = verify(provider, body, headers, delivery_of(provider).secret, now=NOW, url=url)

    assert result.valid in (True, False)
    assert result.valid == again.valid
    assert result.reason != "verifier_threw", result.hint


@settings(deadline=None)
@given(provider=ANYTHING, secret=ANYTHING, tolerance=ANYTHING, method=st.text(max_size=5))
def test_even_wrong_arguments_get_an_answer(
    provider: object, secret: object, tolerance: object, method: str
) -> None:
    verify(provider, b"", {}, secret, tolerance=tolerance, method=method)  # type: ignore[arg-type]  # wrong on purpose
    verify("stripe", b"", {}, secret, tolerance=tolerance, method=method)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("provider", [name for name in SHAPES if VERIFIERS[name]._express is not None])
@settings(max_examples=scaled(40, 15), deadline=None)
@given(data=st.data())
def test_the_short_way_never_gives_another_verdict_than_the_thorough_one(
    provider: str, data: st.DataObject
) -> None:
    delivery: Delivery = delivery_of(provider)
    headers = dict(delivery.headers)
    for name in data.draw(st.lists(st.sampled_from(sorted(headers)), max_size=2)):
        text = headers[name]
        cut = data.draw(st.integers(0, len(text)))
        insert = data.draw(
            st.one_of(
                st.sampled_from(["", " ", ",", ", v1=", "=", "0", "v1,", " v1,", "\t", "é"]), HEADER_TEXT
            )
        )
        keep = data.draw(st.booleans())
        headers[name] = text[:cut] + insert + (text[cut:] if keep else "")
    now = NOW + data.draw(st.sampled_from([0.0, 4.0, 5.0, 300.0, 300.5, -300.0, -301.0, 1e9, math.pi]))
    short = Verifier(provider, ["ABCD" * 8, delivery.secret])
    thorough = Verifier(provider, ["ABCD" * 8, delivery.secret])
    thorough._express = None

    for given_headers in (headers, Headers(list(headers.items()))):
        assert short.verify(delivery.body, given_headers, now=now, diagnose=False) == thorough.verify(
            delivery.body, given_headers, now=now, diagnose=False
        )


def test_the_common_providers_take_the_short_way() -> None:
    for provider in ("stripe", "github", "shopify", "slack", "svix", "standardwebhooks", "paddle", "zendesk"):
        assert Verifier(provider, WHSEC)._express is not None, provider
