"""What is taken out of a delivery's detail, because columns have it, comes back as it was."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from outworx_otel.server.store.columns.details import key_of, whole, without_told

ID = bytes(range(0xB4, 0xC4))
HEAD = b"\xc1\x00\xc1\x01\xff\x05\x04\x03"
TRACE = HEAD.hex() + ID.hex()[:16]
HEX_KEY = "c1" * 32

texts = st.text(st.sampled_from("\0\1\2\5\6\x20aAc1ÁÂ\u2028"), max_size=12)
parts = st.sampled_from([TRACE, ID.hex(), ID.hex()[16:], HEX_KEY])
told = st.tuples(st.just(ID), st.just("") | texts, st.just(b"") | st.just(HEAD), texts | parts, texts | parts)


@given(
    told,
    st.lists(texts.map(str.encode) | parts.map(str.encode) | st.binary(max_size=3), max_size=8),
    st.data(),
)
@example((ID, "", HEAD, TRACE, HEX_KEY), [b"\xc1\x02", TRACE.encode(), b"\xc1"], None)
@example((ID, "", b"", "\1\1\1\1\1\1\1\1", "\2" * 8), [b"\xc1\1\1\1\1\1\1\1\1\1", b"\2" * 9], None)
def test_any_detail_comes_back(
    told: tuple[bytes, str, bytes, str, str], pieces: list[bytes], data: st.DataObject | None
) -> None:
    id, id_text, head, event_id, key = told
    columns = id, id_text, head, event_id, key_of(key)
    has = [text.encode() for text in (id_text, event_id, key)]
    order = [*pieces, *has] if data is None else data.draw(st.permutations([*pieces, *has]))
    detail = b"".join(order)
    assert whole(without_told(detail, *columns), *columns) == detail


def test_ids_and_keys_are_taken_out() -> None:
    columns = ID, "", HEAD, "evt_0123456789", key_of(HEX_KEY)
    detail = f"{ID.hex()} {TRACE} {ID.hex()[16:]} evt_0123456789 {HEX_KEY}".encode()
    assert len(without_told(detail, *columns)) == 4 + 5 * 2
