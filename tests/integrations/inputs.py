"""What strangers send, as Hypothesis strategies."""

from __future__ import annotations

import json
import string

from hypothesis import strategies as st

KNOWN_NAMES = (
    "stripe-signature",
    "x-hub-signature-256",
    "x-github-event",
    "svix-id",
    "svix-timestamp",
    "svix-signature",
    "traceparent",
    "tracestate",
    "baggage",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
    "user-agent",
    "ce-source",
    "x-my-signature",
    "x-slack-signature",
    "x-slack-request-timestamp",
    "x-shopify-hmac-sha256",
    "if-none-match",
    "range",
    "accept",
)
KNOWN_VALUES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "text/plain; charset=utf-7",
    "application/json; charset=nonsense",
    "t=1,v1=00",
    "t=99999999999999999999,v1=" + "0" * 64,
    "t=1,t=2,v1=00,v1=11",
    "v1,AAAA v1, v2,====",
    "sha256=" + "0" * 64,
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "gzip",
    "=?utf-8?q?x?=",
)
VISIBLE = "".join(chr(code) for code in range(0x20, 0x100) if code != 0x7F)
names = st.sampled_from(KNOWN_NAMES) | st.text(
    string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20
)
values = st.sampled_from(KNOWN_VALUES) | st.text(VISIBLE, max_size=80).map(str.strip)
header_lists = st.lists(
    st.tuples(
        names.filter(lambda name: not name.startswith(("content-length", "-")) and name[-1] != "-"), values
    ),
    max_size=12,
)
json_text = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text() | st.sampled_from(["id", "type"]), inner, max_size=4)
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
bodies = (
    st.binary(max_size=300)
    | json_text
    | st.sampled_from(
        [b"", b"null", b'{"id":', b"[" * 3000, b'"\\ud800"', b"\xef\xbb\xbf{}", b"a=1&a=2&%ff=%00", b"1e999"]
    )
)
lengths = st.sampled_from(
    [
        "0",
        "5",
        "-1",
        "+5",
        "5, 5",
        "5,6",
        "",
        " ",
        "00005",
        "0x5",
        "1e3",
        "9" * 30,
        "9" * 5000,
        "\xb2",
        "5.0",
        "nan",
    ]
)
encodings = st.sampled_from([None, "chunked", "gzip, chunked", "identity", "\xff"])
