"""Style sheet, scripts and icon: files of this package, under an address that changes when they do."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles


@lru_cache(maxsize=1)
def version_of(folder: Path) -> str:
    """A name for what is in the files."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


class Assets(StaticFiles):
    """`/static/{version}/...`: kept for ever under today's version; an older one is asked for again."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Any, status_code: int = 200) -> Response:
        """As Starlette answers, with an ETag, and how long it may be kept."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        current = scope["path_params"].get("version") == version_of(Path(str(self.directory)))
        lasting = "public, max-age=31536000, immutable"
        response.headers["cache-control"] = lasting if current else "no-cache"
        return response
