"""What was packed once can be read for good, by any thread."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from outworx_otel.server.model import Filter, StoredDelivery
from outworx_otel.server.store import Store
from outworx_otel.server.store.packing import pack, unpack
from outworx_otel.server.store.schema import details
from outworx_otel.telemetry import semconv
from server.store.samples import batch, deliveries

DELIVERY = StoredDelivery(
    id="0123456789abcdef01234567",
    time_ns=1_790_000_000_000_000_000,
    duration_ns=5,
    provider="stripe",
    outcome="accepted",
    attributes={semconv.REQUEST_BODY: "needle of old", semconv.EVENT_TYPE: "charge.succeeded"},
    body_size=13,
)
_DEFLATED = (
    b"\xbb\xc7\xc0\x0e,\x81w\x18\x18\x1a\x19\x9b\x98\x9a\x99[X&&%\x03\x9b\x0e0>\xa2$\xbe\x1e\xdd\xa2\xfc\x19\xb5"
    b"$f%X\n#J\x1c^\xa42\xa3\tok\x0b\xd8\xbbN\x056\xa6\x15\xf2\xd3\x14\xf2sRH)<\x00"
)
_ZSTD = (
    b"(\xb5/\xfd \xccE\x02\x00\xd3\x82\tn2\xea\xdcQ\xe7M\xfc\xff\x84\x8c  \xe0\x89G\\@\x082\xc8\xc3}\xb7\xb5\xe9\x94"
    b"\x11>\xd7\x98\xc5\xb8\x085\x80\x90\x9b\n\xfcL\x1d\x00\xa0\xa7L\x1a\x97\xbd7\xac\xa1\xaa&\xb1o\x10k\xe4\xb2\xf7\x02"
    b"\xe8\xab\xcaQ\xf9\xab?"
)
# By releases until now, and by those before.
PACKED = {
    "kept no body": b"\x06" + _ZSTD,
    "kept a body": b"\x05" + _ZSTD,
    "older, kept no body": b"\x02" + _DEFLATED,
    "older, may have kept a body": b"\x01" + _DEFLATED,
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED)
def test_what_any_release_packed_is_read(packed: bytes) -> None:
    assert unpack(packed, StoredDelivery) == DELIVERY


def test_a_body_is_found_in_what_an_older_release_packed(store: Store) -> None:
    store.write(batch(DELIVERY)).result(20)
    wanted = Filter(search="body:needle of old")
    assert [one.id for one in store.deliveries(wanted, 10).deliveries] == [DELIVERY.id]
    with store._database.write() as connection:
        connection.execute(update(details).values(detail=PACKED["older, may have kept a body"]))
    assert [one.id for one in store.deliveries(wanted, 10).deliveries] == [DELIVERY.id]
    assert store.delivery(DELIVERY.id) == DELIVERY


def test_threads_that_pack_and_read_at_once_get_their_own() -> None:
    def packed_and_read(seed: int) -> list[tuple[StoredDelivery, StoredDelivery]]:
        # Of quite different lengths: small ones need not leave the processor.
        chance = random.Random(seed)  # noqa: S311  # to be the same each time
        found = []
        for one in deliveries(200, seed=seed):
            one.attributes[semconv.REQUEST_BODY] = chance.randbytes(chance.choice((10, 100_000))).hex()
            found.append((one, unpack(pack(one), StoredDelivery)))
        return found

    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(packed_and_read, range(8)):
            assert all(before == after for before, after in found)
