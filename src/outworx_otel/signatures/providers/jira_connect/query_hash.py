"""The hash of method, path and query in Atlassian's tokens."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import parse_qs, quote, urlsplit


def query_hash(method: str, url: str) -> str:
    """The claim `qsh`: names and values of the query sorted, values of one name joined by commas.

    https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
    """
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return ""
    # Where the token itself is in the query.
    query.pop("jwt", None)
    pairs = {
        quote(name, "~"): ",".join([quote(one, "~") for one in sorted(values)])
        for name, values in query.items()
    }
    path = "/" + parts.path.strip("/").replace("&", "%26")
    text = f"{method.upper()}&{path}&" + "&".join(
        [f"{name}={values}" for name, values in sorted(pairs.items())]
    )
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
