"""Which values are keys, and that no two different ones are one."""

from __future__ import annotations

import enum
import itertools
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.http.body import RawBody
from outworx_otel.idempotency import distinguishes, hashed_key

CYCLE: list[Any] = []
CYCLE.append(CYCLE)


class Kind(enum.StrEnum):
    PAID = "paid"


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        b"",
        (),
        [],
        {},
        False,
        (None, None),
        [None],
        {"a": None},
        {"a": {"b": [(), b"", None]}},
        [False, ""],
        # of the same kind, found here: what text conversion and arithmetic make of nothing
        True,
        " \t\n",
        b"  ",
        "None",
        "null",
        " undefined ",
        math.nan,
        math.inf,
        [math.nan, "NaN"],
        "\u2003" * 100,
        CYCLE,
    ],
    ids=repr,
)
def test_a_value_that_tells_no_event_from_another_is_no_key(key: Any) -> None:
    assert not distinguishes(key)


@pytest.mark.parametrize(
    "key",
    [
        "evt_1",
        b"x",
        0,
        7,
        -1,
        0.5,
        ("acct", None),
        [None, 1],
        {"a": None, "b": "x"},
        uuid.UUID(int=0),
        "nullable",
    ],
    ids=repr,
)
def test_a_value_with_one_part_that_says_something_is_a_key(key: Any) -> None:
    assert distinguishes(key)


def test_keys_that_print_alike_are_not_one() -> None:
    alike: list[Any] = [
        "1",
        1,
        1.0,
        b"1",
        True,
        ["1"],
        [1],
        [[1]],
        {"1": 1},
        {1: 1},
        {1: "1"},
        "[1]",
        "{'1': 1}",
        "b'1'",
        uuid.UUID(int=1),
        str(uuid.UUID(int=1)),
        ["1", "1"],
        ["11"],
        ["1", ["1"]],
        -1,
        "\ud800",
        "?",
        None,
    ]
    hashes = [hashed_key("scope", key) for key in alike]
    assert len(set(hashes)) == len(alike)


def test_scope_and_key_are_kept_apart_for_every_type() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("a", ["bc"]), ("ab", ["c"]), ("", "typed 1:a"), ("a", None)]
    assert len({hashed_key(*pair) for pair in pairs}) == len(pairs)


def test_what_is_the_same_key_is_the_same_hash() -> None:
    same: list[tuple[Any, Any]] = [
        ({"a": 1, "b": [2, {"c": 3, "d": 4}]}, {"b": [2, {"d": 4, "c": 3}], "a": 1}),
        (("a", 1), ["a", 1]),
        (Kind.PAID, "paid"),
        (RawBody(b"x"), b"x"),
    ]
    for one, other in same:
        assert hashed_key("scope", one) == hashed_key("scope", other)


def test_the_hash_of_text_is_that_of_earlier_releases() -> None:
    assert hashed_key("stripe /hooks", "evt_1") == (
        "bd198314a2626b1983cddf28abb5738fad939b0e57db2fc3e9a362e8fbc9b2e3"
    )


@pytest.mark.parametrize(
    "key",
    [object(), len, {"a": object()}, [{1, 2}], bytearray(b"x")],
    ids=["object", "function", "in a dictionary", "set", "bytearray"],
)
def test_a_value_whose_text_is_its_address_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="tells no delivery from another"):
        hashed_key("scope", key)


def test_a_key_is_bounded_in_depth_and_in_parts() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    for key in (deep, ["x"] * 200_000, CYCLE):
        with pytest.raises(ValueError, match="too large or nested too deep"):
            hashed_key("scope", key)


def test_a_number_of_any_size_is_a_key() -> None:
    assert hashed_key("scope", 10**5000) != hashed_key("scope", 10**5000 + 1)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _typed(value: Any) -> Any:
    """Equal for two values only if they are one key."""
    if isinstance(value, list):
        return ("list", *map(_typed, value))
    if isinstance(value, dict):
        return ("dict", frozenset((name, _typed(part)) for name, part in value.items()))
    return (type(value).__name__, repr(value))


@given(st.lists(json_like, min_size=2, max_size=6))
def test_two_keys_have_one_hash_only_if_they_are_equal(keys: list[Any]) -> None:
    for one, other in itertools.combinations(keys, 2):
        same = hashed_key("scope", one) == hashed_key("scope", other)
        assert same == (_typed(one) == _typed(other))
