"""The process that Apprise runs in: a request on standard input, the answer as the last line of standard output.

Started by its folder, so that it loads nothing of ours, and finds no module but what is installed.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any


def main() -> None:
    """Checks URLs (`check`), or sends `title` and `body` of a `kind` to a `url`."""
    print(json.dumps(_answer(json.loads(sys.stdin.buffer.read()))))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        import apprise
    except ModuleNotFoundError as error:
        if error.name != "apprise":
            raise
        return {"missing": True}
    asset = apprise.AppriseAsset(app_id="outworx", app_desc="outworx serve", app_url="", async_mode=False)

    def service(url: str) -> Any:
        return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)

    if "check" in request:
        return {"unusable": [place for place, url in enumerate(request["check"]) if service(url) is None]}
    target = service(request["url"])
    if target is None:
        return {"said": "Apprise cannot use this URL"}
    sender = apprise.Apprise(asset=asset)
    sender.add(target)
    capture: Any = apprise.LogCapture
    with capture(level=logging.WARNING, fmt="%(message)s") as said:
        taken = sender.notify(
            body=request["body"], title=request["title"], notify_type=request["kind"], body_format="text"
        )
        told = said.getvalue().strip()
    return {} if taken else {"said": told or "Apprise says only that it failed"}


if __name__ == "__main__":
    main()
