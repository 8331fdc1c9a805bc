"""A shared token that stands inside the JSON body, once or in every item of a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import header_bytes
from outworx_otel.signatures.json_body import read_json
from outworx_otel.signatures.procedure import Check, Evidence, Signed, SignedRequest, Signer
from outworx_otel.signatures.result import Failure

_NOTHING = ((b"", b"", b""),)
_MAX_ITEMS = 10_000


class BodyToken:
    """The token at a path such as `body.value.*.clientState`, where `*` stands for every item of a list.

    All of them must hold: one request may carry what belongs to several subscriptions, and a stranger could add an
    item of his own to a genuine one.
    """

    signs_url = False
    signs_body = False

    def __init__(self, path: str) -> None:
        self.place = f"JSON `{path}`"
        self.path = path
        *self._above, self._name = path.split(".")[1:]

    def evidence(self, request: SignedRequest) -> Evidence | Failure:
        """One check for each item."""
        document = read_json(request.body)
        if document is None:
            return Failure("malformed_header", f"The body is no JSON, in which {self.path} has the token.")
        checks: list[Check] = []
        for holder in islice(_below(document, self._above), _MAX_ITEMS + 1):
            token = holder.get(self._name) if isinstance(holder, dict) else None
            if not isinstance(token, str) or not token:
                which = f" Item {len(checks)} has none." if checks else ""
                return Failure("missing_header", f"The body has no {self.path}.{which}")
            checks.append(Check(_NOTHING, [token.encode("utf-8", "surrogatepass")]))
        if len(checks) > _MAX_ITEMS:
            return Failure(
                "malformed_header", f"The body has more than {_MAX_ITEMS} items, all of them with tokens."
            )
        if not checks:
            return Failure("missing_header", f"The body has no {self.path}.")
        return Evidence(None, tuple(checks))

    def sign(self, signer: Signer, request: SignedRequest, timestamp: str) -> Signed:
        """The body with the token at its places."""
        document = read_json(request.body)
        holders = [one for one in _below(document, self._above) if isinstance(one, dict)]
        if not holders:
            raise ConfigurationError(f"the body has no place for the token, {self.path}")
        token = signer.sign((b"", b"", b"")).decode("utf-8", "surrogatepass")
        for holder in holders:
            holder[self._name] = token
        return Signed(header_bytes(json.dumps(document, separators=(",", ":"))), {}, request.url)


def _below(value: Any, names: list[str]) -> Iterator[Any]:
    """What stands below these names; where nothing does, None."""
    if not names:
        yield value
    elif names[0] == "*":
        for item in value if isinstance(value, list) else ():
            yield from _below(item, names[1:])
    else:
        yield from _below(value.get(names[0]) if isinstance(value, dict) else None, names[1:])
