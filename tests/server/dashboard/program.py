"""Which browser there is, and which proxy."""

from __future__ import annotations

import shutil

from support.programs import system_program

_NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoChromium(Exception):
    """There is no browser to test with."""

    def __init__(self) -> None:
        super().__init__(
            "the dashboard is tested in Chromium, and NOTHING OF THAT WAS TESTED: apt-get install chromium"
        )


def chromium_program() -> str:
    """Its path.

    Raises:
        NoChromium: it is not installed.
    """
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise NoChromium
    return found


class NoNginx(Exception):
    """There is no nginx to test with."""

    def __init__(self) -> None:
        super().__init__(
            "pages are tested behind nginx, and NOTHING OF THAT WAS TESTED: apt-get install nginx-light"
        )


def nginx_program() -> str:
    """Its path.

    Raises:
        NoNginx: it is not installed.
    """
    found = system_program("nginx")
    if found is None:
        raise NoNginx
    return found
