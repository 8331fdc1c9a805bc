"""Converts deliveries and spans to the tables' rows and back."""

from __future__ import annotations

import hashlib
import operator
import threading
import zlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import zstandard

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW
from outworx_otel.server.model import Batch, Count, SpanRecord, StoredDelivery
from outworx_otel.server.problems.clocks import ClockReading, KnownClock
from outworx_otel.server.problems.corrections import Corrections, kept_time
from outworx_otel.server.problems.judging import Ended, Judged, judge, judge_process
from outworx_otel.server.store.dictionary import DICTIONARY, ZSTD_DICTIONARY
from outworx_otel.server.store.store_errors import BatchRefused
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES

MAX_SPAN_BYTES: Final = 64 * 1024
MAX_FACET_TEXT: Final = 200
_MAX_TEXT: Final = 512
_MAX_ID: Final = 64
_EVENT_ID: Final = IN_ROW.index("event_id")
_KEY: Final = IN_ROW.index("idempotency_key")
_INT64: Final = 2**63 - 1

T = TypeVar("T")
FacetKey = tuple[str, ...]
"""A value for each of `fields.FACETED`; empty is none."""

_row_of: Final = operator.attrgetter(*IN_ROW)
_facet_of: Final = operator.attrgetter(*FACETED)
# Of a text how much is kept; 0 for a number, None for what stays as it is.
_LONGEST: Final = tuple(
    {"text": BY_NAME[name].longest, "flag": None}.get(BY_NAME[name].kind, 0) for name in IN_ROW
)

# The first byte says how the rest is packed, so that another dictionary can come one day, and that a delivery kept no
# body: what was packed before that was said begins as if it might have.
MAY_KEEP_A_BODY: Final = (b"\x01", b"\x05")
_KEEPS_A_BODY: Final = b"\x05"
_KEEPS_NO_BODY: Final = b"\x06"
_DEFLATED: Final = (1, 2)
# The same of what is not packed at all, because whoever keeps it does that.
_PLAIN_MAY_KEEP_A_BODY: Final = b"\x03"
_PLAIN_KEEPS_NO_BODY: Final = b"\x04"
_PLAIN: Final = (3, 4)
_BODIES: Final = (semconv.REQUEST_BODY, semconv.RESPONSE_BODY)
_WINDOW: Final = -13
_LEVEL: Final = 3
_dictionary: Final = zstandard.ZstdCompressionDict(ZSTD_DICTIONARY, dict_type=zstandard.DICT_TYPE_FULLDICT)
_dictionary.precompute_compress(level=_LEVEL)


class _Zstd(threading.local):
    """Of each thread its own: they are not to be shared."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(_LEVEL, _dictionary, write_dict_id=False).compress
        self.decompress = zstandard.ZstdDecompressor(_dictionary).decompress


_zstd: Final = _Zstd()


class Packing(NamedTuple):
    """How batches are packed at present.

    Args:
        now_ns: when they come, in Unix nanoseconds.
        clocks: what is known of services' clocks, by service and environment.
        compressed: whether details are.
    """

    now_ns: int
    clocks: Mapping[tuple[str, str], KnownClock]
    compressed: bool = True


class Packed(NamedTuple):
    """A batch as it is written; `rows` go with `key_of`, `details` and `judged`, one for each delivery.

    Each of `key_of` is the place of the delivery's key in `keys`. `ends` (trace id, span id, what it says) are of
    `process` spans, `clocks` of services and environments.
    """

    keys: list[FacetKey]
    key_of: list[int]
    rows: list[tuple[Any, ...]]
    details: list[bytes]
    spans: list[tuple[Any, ...]]
    counts: list[tuple[FacetKey, Count]]
    judged: list[Judged]
    ends: list[tuple[str, str, Ended]]
    clocks: dict[tuple[str, str], ClockReading]
    arrived_ns: int

    @property
    def length(self) -> int:
        """How many things it holds."""
        return len(self.rows) + len(self.spans) + len(self.counts)


def packed(batch: Batch, how: Packing) -> Packed:
    """What to write of a batch that comes now.

    Raises:
        BatchRefused: it holds what no table can, such as an outcome that does not exist.
    """
    now_ns, clocks, compressed = how
    done = Packed([], [], [], [], [], [], [], [], {}, now_ns)
    try:
        corrections = Corrections(batch.deliveries, clocks, now_ns)
        done.clocks.update(corrections.readings)
        keys = _Keys(done.keys)
        for delivery in batch.deliveries:
            _add(done, delivery, now_ns, corrections, keys, compressed=compressed)
        for span in batch.spans:
            done.spans.append(_span_row(span, now_ns, compressed=compressed))
            ended = judge_process(span)
            if ended is not None:
                done.ends.append((*done.spans[-1][:2], ended._replace(at_ns=min(ended.at_ns, now_ns))))
        for count in batch.counts:
            key = tuple([facet_text(getattr(count, name, None)) for name in FACETED])
            time_ns = kept_time(count.time_ns, now_ns)
            done.counts.append((key, msgspec.structs.replace(count, time_ns=time_ns)))
    except (TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        # The message of an encoder names types, not values.
        raise BatchRefused(f"cannot be kept: {type(error).__name__}") from error
    return done


def pack(kept: msgspec.Struct, *, keeps_body: bool = False, compressed: bool = True) -> bytes:
    """Compressed with a dictionary of the names that are always there: 1.6 KB become 330 bytes."""
    try:
        plain = msgspec.msgpack.encode(kept)
    except (UnicodeEncodeError, OverflowError):
        # Half a surrogate pair, or a number beyond 64 bits.
        plain = msgspec.msgpack.encode(_encodable(msgspec.to_builtins(kept)))
    if not compressed:
        return (_PLAIN_MAY_KEEP_A_BODY if keeps_body else _PLAIN_KEEPS_NO_BODY) + plain
    return (_KEEPS_A_BODY if keeps_body else _KEEPS_NO_BODY) + _zstd.compress(plain)


def unpack(data: bytes, type_: type[T]) -> T:
    """Reverses `pack`."""
    return msgspec.msgpack.decode(unpacked(data), type=type_)


def unpacked(data: bytes) -> bytes | memoryview:
    """What was packed, now or by an older release, as msgpack."""
    first, packed = data[0], memoryview(data)[1:]
    if first in _PLAIN:
        return packed
    if first in _DEFLATED:
        return zlib.decompressobj(_WINDOW, zdict=DICTIONARY).decompress(packed)
    return _zstd.decompress(packed)


def may_keep_a_body(detail: bytes) -> bool:
    """Whether what `pack` made may be of a delivery that kept a body."""
    return detail[:1] in (*MAY_KEEP_A_BODY, _PLAIN_MAY_KEEP_A_BODY)


def text(value: str | None, limit: int = _MAX_TEXT) -> str | None:
    """As a column takes it: PostgreSQL has no NUL in a text, and no encoding has half a surrogate pair."""
    if value is None or (len(value) <= limit and value.isascii() and "\0" not in value):
        return value
    return value[:limit].replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()


def facet_text(value: str | None) -> str:
    """As a column of `facets` takes it; none is empty."""
    return text(value, MAX_FACET_TEXT) or ""


def hashed(value: str | None) -> int | None:
    """48 bits of a text's hash."""
    if value is None:
        return None
    digest = hashlib.blake2b(value.encode("utf-8", "replace"), digest_size=6).digest()
    return int.from_bytes(digest, "big")


class _Keys(dict[tuple[Any, ...], int]):
    """The places of keys, by a delivery's fields as they came: in a batch they are nearly always the same."""

    def __init__(self, keys: list[FacetKey]) -> None:
        self._keys = keys

    def __missing__(self, told: tuple[Any, ...]) -> int:
        found = self[told] = len(self._keys)
        self._keys.append(tuple([facet_text(value) for value in told]))
        return found


def _add(
    done: Packed,
    delivery: StoredDelivery,
    now_ns: int,
    corrections: Corrections,
    keys: _Keys,
    *,
    compressed: bool,
) -> None:
    time_ns = corrections.came_at(delivery)
    if time_ns != delivery.time_ns:
        delivery = msgspec.structs.replace(
            delivery, time_ns=time_ns, reported_time_ns=_integer(delivery.time_ns)
        )
    if delivery.outcome not in OUTCOMES:
        raise ValueError("outcome")
    done.key_of.append(keys[_facet_of(delivery)])
    # Most texts stay as they are, and a call for each of them would take longer than the rest of this.
    row = [
        value
        if value is None
        or longest is None
        or (longest and len(value) <= longest and value.isascii() and "\0" not in value)
        else text(value, longest)
        if longest
        else value
        if -_INT64 <= value <= _INT64
        else _integer(value)
        for value, longest in zip(_row_of(delivery), _LONGEST, strict=True)
    ]
    done.rows.append((*row, hashed(row[_EVENT_ID]), hashed(row[_KEY])))
    keeps_body = any(name in delivery.attributes for name in _BODIES)
    done.details.append(pack(delivery, keeps_body=keeps_body, compressed=compressed))
    done.judged.append(judge(delivery, min(time_ns, now_ns)))


def _span_row(span: SpanRecord, now_ns: int, *, compressed: bool) -> tuple[Any, ...]:
    time_ns = kept_time(span.time_ns, now_ns)
    if time_ns != span.time_ns:
        span = msgspec.structs.replace(span, time_ns=time_ns)
    detail = pack(span, compressed=compressed)
    if len(detail) > (MAX_SPAN_BYTES if compressed else 4 * MAX_SPAN_BYTES):
        # Its place in the timeline is worth more than what it says.
        detail = pack(
            msgspec.structs.replace(span, name=span.name[:_MAX_TEXT], attributes={}, events=(), links=()),
            compressed=compressed,
        )
    link = span.links[0] if span.scope == semconv.SCOPE and span.links else None
    delivery = None if link is None else text(link.trace_id + link.span_id, 2 * _MAX_ID)
    return text(span.trace_id, _MAX_ID), text(span.span_id, _MAX_ID), time_ns, delivery, detail


def _integer(value: Any) -> Any:
    return value if value is None or -_INT64 <= value <= _INT64 else _INT64 if value > 0 else -_INT64


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, dict):
        return {_encodable(name): _encodable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(inner) for inner in value]
    return value
