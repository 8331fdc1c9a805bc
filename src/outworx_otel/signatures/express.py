"""A fast check for the common shape: one signature header, an HMAC, a message that ends with the body.

It does what `Checker.check` does, in one function without objects in between, because it runs on every request:
on a 1 KiB delivery the intermediate tuples would cost more than the HMAC. Whatever is not plainly in the expected
form it leaves to `Checker.check`, before anything is hashed. Both always give the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Any

from outworx_otel.signatures.encoding import DECODERS
from outworx_otel.signatures.evidence import message_templates
from outworx_otel.signatures.keys import HmacKey
from outworx_otel.signatures.procedure import Key
from outworx_otel.signatures.result import SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.timestamps import read_timestamp

Express = Callable[[bytes, Any, float], "SignatureResult | None"]
Judge = Callable[["int | None", "float | None", float], SignatureResult]
"""Makes the result from the matching key, the timestamp and the time of now; `Checker.judge`."""

_FIELD = re.compile(r"%\((\w+)\)s")
_new = tuple.__new__


def express_for(
    scheme: SignatureScheme, keys: Sequence[tuple[int, Key]], tolerance: float, judge: Judge
) -> Express | None:
    """The fast check for this scheme, or None when it has another shape."""
    template, after, has_body = message_templates(scheme.message)
    fields = tuple(_FIELD.findall(template))
    plain = (
        scheme.procedure is None
        and all(isinstance(key, HmacKey) for _, key in keys)
        and not any("{n}" in name for name in scheme.signature_header)
        and has_body
        and not after
        and not scheme.timestamp_path
        and fields in ((), ("timestamp",), ("id", "timestamp"))
    )
    if not plain:
        return None
    states = tuple((index, *key.states) for index, key in keys if isinstance(key, HmacKey))
    return _compile(scheme, states, _FIELD.sub("%s", template), fields, tolerance, judge)


def _compile(
    scheme: SignatureScheme,
    states: tuple[tuple[int, Any, Any], ...],
    template: str,
    fields: tuple[str, ...],
    tolerance: float,
    judge: Judge,
) -> Express:
    header = scheme.signature_header[0]
    timestamp_header = scheme.timestamp_header[0] if scheme.timestamp_header else ""
    id_header = scheme.id_header[0] if "id" in fields else ""
    read = _READERS[scheme.layout](scheme)
    decode = DECODERS[scheme.encoding]
    unit = scheme.timestamp_unit
    dated = "timestamp" in fields and unit != "opaque"
    only_timestamp = fields == ("timestamp",)
    constant = b"" if fields else (template % ()).encode("latin-1")
    kind = scheme.kind
    earliest = 0 if scheme.window == "elapsed" else -tolerance
    # A signature without a timestamp has but one good result for each key.
    good = {index: SignatureResult(True, None, None, index, None, kind) for index, _, _ in states}

    def verify(body: bytes, headers: Any, now: float) -> SignatureResult | None:
        get = headers.get
        value = get(header)
        # A dict may hold bytes, or nothing under a lower-case name: `Checker.check` sorts that out.
        if value.__class__ is not str or not value:
            return None
        timestamp, texts = read(value)
        if timestamp_header:
            timestamp = get(timestamp_header)
            if timestamp.__class__ is not str or not timestamp:
                return None
        if dated:
            signed_at = read_timestamp(timestamp, unit) if timestamp else None
            if signed_at is None:
                return None
        else:
            signed_at = None
        signatures = []
        for text in texts:
            signature = decode(text)
            if signature:
                signatures.append(signature)
        if not signatures:
            return None
        before = constant
        try:
            if only_timestamp:
                before = (template % timestamp).encode("latin-1")
            elif fields:
                message_id = get(id_header)
                if message_id.__class__ is not str or not message_id:
                    return None
                before = (template % (message_id, timestamp)).encode("latin-1")
        except UnicodeEncodeError:
            return None
        matching = None
        for index, inner_state, outer_state in states:
            inner = inner_state.copy()
            if before:
                inner.update(before)
            inner.update(body)
            outer = outer_state.copy()
            outer.update(inner.digest())
            expected = outer.digest()
            for signature in signatures:
                if compare_digest(expected, signature):
                    matching = index
            if matching is not None:
                break
        if matching is None:
            return judge(None, signed_at, now)
        if signed_at is None:
            return good[matching]
        age = now - signed_at
        # At the window's edge, and outside it, `judge` decides.
        if earliest < age < tolerance:
            return _new(SignatureResult, (True, None, None, matching, signed_at, kind))
        return judge(matching, signed_at, now)

    return verify


Reader = Callable[[str], tuple[Any, Sequence[str]]]
_NOTHING: tuple[str, ...] = ()


def _plain(scheme: SignatureScheme) -> Reader:
    prefix, length = scheme.prefix, len(scheme.prefix)

    def read(value: str) -> tuple[str | None, Sequence[str]]:
        return (None, (value[length:],)) if value.startswith(prefix) else (None, _NOTHING)

    return read


def _list(scheme: SignatureScheme) -> Reader:
    def read(value: str) -> tuple[str | None, Sequence[str]]:
        # One signature is the rule; several are left to `Checker.check`.
        return (None, _NOTHING) if "," in value else (None, (value,))

    return read


def _pairs(scheme: SignatureScheme) -> Reader:
    separator = scheme.separator
    timestamp_field, signature_field = scheme.timestamp_field, scheme.signature_field

    def read(value: str) -> tuple[str | None, Sequence[str]]:
        if not value.isascii() or " " in value or "\t" in value:
            return None, _NOTHING
        timestamp = None
        texts = []
        for item in value.split(separator):
            name, _, text = item.partition("=")
            if name == signature_field:
                texts.append(text)
            elif name == timestamp_field and timestamp is None:
                timestamp = text
        return timestamp, texts

    return read


def _tagged(scheme: SignatureScheme) -> Reader:
    tag = scheme.signature_field + ","
    length = len(tag)

    def read(value: str) -> tuple[str | None, Sequence[str]]:
        # One entry is the rule; several, and those of other versions, are left to `Checker.check`.
        if value.startswith(tag) and " " not in value:
            return None, (value[length:],)
        return None, _NOTHING

    return read


_READERS: dict[str, Callable[[SignatureScheme], Reader]] = {
    "plain": _plain,
    "list": _list,
    "pairs": _pairs,
    "tagged": _tagged,
}
