"""Properties, at the edges where strangers send bytes."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.http.headers import HOP_BY_HOP, end_to_end
from outworx_otel.server.relay import call_shapes, header_rules, slugs
from outworx_otel.server.relay.tunnel_paths import place_of

NAMES = st.one_of(
    st.sampled_from(["connection", "Connection", "cookie", "x-a", "host", "te"]), st.text(max_size=12)
)
PAIRS = st.lists(st.tuples(NAMES, st.text(max_size=40)), max_size=12).map(tuple)


@given(PAIRS, st.booleans(), st.booleans())
def test_whatever_an_answer_has_for_headers_its_head_holds_them(pairs, own_origin, bodiless):
    kept = header_rules.for_the_caller(
        pairs, slug="ab", own_origin=own_origin, cookie="outworx_session", bodiless=bodiless
    )
    for name, value in kept:
        line = f"{name}: {value}".encode("latin-1")
        assert not any(sign in line for sign in b"\r\n\0")
        assert name.lower() not in HOP_BY_HOP
    assert ("content-security-policy", "sandbox") in kept


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=40)), max_size=12))
def test_no_caller_can_say_where_it_comes_from_or_pass_the_dashboards_cookie(raw):
    strange = [*raw, (b"x-forwarded-for", b"evil"), (b"cookie", b"a=1;outworx_session=x ; b=2")]
    kept = header_rules.for_the_local_server(
        strange,
        slug="ab",
        event="e",
        caller="192.0.2.1",
        scheme="https",
        host="x.test",
        cookie="outworx_session",
    )
    assert [value for name, value in kept if name.lower() == "x-forwarded-for"] == ["192.0.2.1"]
    assert not any("outworx_session=x" in value for name, value in kept if name == "cookie")


@given(st.text(max_size=60), st.sampled_from(["", "/mounted"]))
def test_a_path_that_climbs_is_always_seen(text, root):
    path = f"{root}/t/{'0' * 32}/{text}"
    place = place_of({"raw_path": path.encode("utf-8", "replace"), "path": path, "root_path": root})
    parts = unquote(unquote(place.path)).replace("\\", "/").split("/")
    if "%25" not in place.path and any(part in ("..", ".") for part in parts):
        assert place.has_dots
    if "?" not in text:
        assert place.slug == "0" * 32


@given(st.binary(max_size=200))
def test_any_call_is_understood_or_refused(body):
    for kind in (call_shapes.OpenCall, call_shapes.ResponseCall):
        try:
            call = msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        assert isinstance(call, kind)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4), st.text(max_size=50))
def test_an_old_answer_becomes_its_text_in_utf_8(given_headers, body):
    answer = call_shapes.ResponseCall("e", 200, given_headers, body).answer()
    assert answer.body.decode() == body
    assert not any(name.lower() in ("content-length", "content-encoding") for name, _ in answer.headers)


@given(st.floats(min_value=1e9, max_value=9e10))
def test_a_secret_names_its_own_end_and_its_slug_gives_nothing_away(expires_at):
    secret = slugs.new_secret(expires_at)
    assert slugs.expiry_of(secret) == int(expires_at)
    assert slugs.is_slug(slugs.slug_of(secret))
    assert slugs.slug_of(secret) not in secret
    assert slugs.slug_of(secret) == slugs.slug_of(secret)
    # Another end would be another slug.
    assert slugs.slug_of(f"9{secret}") != slugs.slug_of(secret)


@given(PAIRS)
def test_what_connection_names_is_for_that_connection_alone(pairs):
    kept = end_to_end(pairs)
    named = {
        option.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for option in value.split(",")
    }
    assert not any(name.lower() in named | HOP_BY_HOP for name, _ in kept)
