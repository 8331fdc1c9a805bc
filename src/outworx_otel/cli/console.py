"""How commands speak: colour only to a terminal, nothing that could control one, and exit codes with a meaning."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import typer

from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

FAILED: Final = 1
USAGE: Final = 2


def say(text: str, colour: str | None = None, *, dim: bool = False, err: bool = False) -> None:
    """Prints one line to stdout or stderr, without control characters that could move the cursor."""
    stream = sys.stderr if err else sys.stdout
    shown = printable(text)
    if (colour or dim) and _coloured(stream):
        shown = typer.style(shown, fg=colour, dim=dim or None)
    typer.echo(shown, err=err)


def say_json(document: Any) -> None:
    """One JSON document a line, for scripts."""
    typer.echo(json.dumps(document, ensure_ascii=True, separators=(", ", ": ")))


def usage(command: str, problem: str) -> NoReturn:
    """Says how the command was used wrongly, and ends with 2."""
    say(f"outworx {command}: {problem}", "red", err=True)
    say(f"Try 'outworx {command} --help'.", err=True)
    raise typer.Exit(USAGE)


def failed(command: str, problem: str) -> NoReturn:
    """Says what went wrong, and ends with 1."""
    say(f"outworx {command}: {problem}", "red", err=True)
    raise typer.Exit(FAILED)


def printable(text: str) -> str:
    """`text` with `?` for control characters and for what the output's encoding does not have."""
    clean = "".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return clean.encode(encoding, "replace").decode(encoding)


def terminal_safe(text: str, limit: int = 200) -> str:
    """Returns a text from outside without control characters that a terminal would obey."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)


def headers_of(lines: Sequence[str]) -> list[tuple[str, str]]:
    """`--header 'Name: value'`, repeatable.

    Raises:
        ConfigurationError: a line is no header.
    """
    pairs = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or any(sign in line for sign in "\r\n\0"):
            # Not quoted whole: the value may be a signature.
            raise ConfigurationError(f"--header must read 'Name: value'; {name.strip()[:40]!r} does not")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _coloured(stream: Any) -> bool:
    # https://no-color.org
    if environment.raw("NO_COLOR") or environment.text("TERM") == "dumb":
        return False
    return bool(stream.isatty())
