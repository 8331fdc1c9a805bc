"""What a file that is no valid TOML still shows: the endpoints in it that were to verify signatures.

They stay closed until the file can be read. A scan of lines, tolerant on purpose: a path too many costs a 401 that
the log explains, one too few would let deliveries in unverified.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_PATH: Final = r"""(?:"([^"]*)"|'([^']*)'|([/*][^\s\]"'=]*))"""
# `[endpoints."/a"]`, whatever is missing of it, and `[[tool.outworx.endpoints.'/a']]`.
_TABLE: Final = re.compile(
    rf"\s*\[*\s*(?:tool\s*\.\s*outworx\s*\.\s*)?\[*endpoint\w*\s*\.\s*{_PATH}", re.IGNORECASE
)
# `"/a" = { provider = "stripe", ... }` and `"/a".provider = "stripe"` below `[endpoints]`.
_INLINE: Final = re.compile(r"""\s*["']([/*][^"']*)["']\s*[.=]""")
_ANY_TABLE: Final = re.compile(r"\s*\[")
_PROVIDER: Final = re.compile(r"""\bprovider["']?\s*=?\s*["']([^"']+)["']""")


def speaks_of_verification(names: Mapping[str, Any] | str) -> bool:
    """Whether options (or a line of them) mention a signature or a secret, however misspelt."""
    texts = [names] if isinstance(names, str) else map(str, names)
    return any(word in text.lower() for text in texts for word in ("sig", "secret"))


def salvaged(text: str) -> dict[str, str]:
    """Paths that were to verify signatures, each with its provider as far as it can be told.

    Args:
        text: a TOML file that could not be parsed.
    """
    providers: dict[str, str] = {}
    verifying: set[str] = set()
    path: str | None = None
    for line in text.splitlines():
        line = line.partition("#")[0]
        table = _TABLE.match(line)
        inline = None if table else _INLINE.match(line)
        rest = line
        if table is not None:
            path = next(group for group in table.groups() if group is not None)
            rest = line[table.end() :]
        elif inline is not None:
            path = inline.group(1)
            rest = line[inline.end() :]
        elif _ANY_TABLE.match(line):
            path = None
        if path is None:
            continue
        provider = _PROVIDER.search(rest)
        if provider is not None:
            providers.setdefault(path, provider.group(1))
        if speaks_of_verification(rest):
            verifying.add(path)
    return {
        path: providers.get(path, "unknown") for path in providers.keys() | verifying if path in verifying
    }
