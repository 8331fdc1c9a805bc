"""The file that `outworx forward --save` writes for one delivery, and that `replay` and `verify` read."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Final

import msgspec

from outworx_otel.server.replay.stored import ReplayError, StoredRequest
from outworx_otel.signatures import detect
from outworx_otel.signatures.encoding import header_bytes

VERSION: Final = 1
MAX_FILE_BYTES: Final = 64 * 1024 * 1024

# What survives quotes and a terminal that it is pasted into: a tab would complete a word there.
_PLAIN_TEXT: Final = re.compile(rb"[\n\x20-\x7e]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# curl sets these itself, from what it sends.
_NOT_FOR_CURL: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class SavedResponse(msgspec.Struct, frozen=True):
    """What the local application answered.

    Args:
        status: the HTTP status.
        headers: (name, value) pairs, repeats kept.
        body_base64: the exact bytes.
        duration_ms: from the request's first byte to the answer's last.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body_base64: bytes = b""
    duration_ms: float | None = None


class SavedDelivery(msgspec.Struct, frozen=True):
    """One delivery as it came through the tunnel. msgspec writes `bytes` as base64, so every byte is kept.

    Args:
        id: the delivery's id at the server.
        received_at: when it came, ISO 8601.
        method: as it came.
        path: percent-encoded, without the tunnel's own prefix.
        query_string: what stood after the `?`.
        headers: (name, value) pairs, repeats kept.
        body_base64: the exact bytes.
        response: the answer, or None where there was none.
        version: of this layout.
    """

    id: str
    received_at: str
    method: str
    path: str
    query_string: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body_base64: bytes = b""
    response: SavedResponse | None = None
    version: int = VERSION

    @property
    def body(self) -> bytes:
        """The body's bytes."""
        return self.body_base64

    def request(self) -> StoredRequest:
        """The request in it, with the provider that its headers show."""
        provider = detect({name.lower(): value for name, value in self.headers}) or ""
        return StoredRequest(
            provider, self.method, self.path, self.query_string, self.headers, self.body_base64
        )


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(SavedDelivery)


def write_saved(path: Path, saved: SavedDelivery) -> None:
    """Writes the file, readable by its owner alone: a delivery holds customers' data and a valid signature.

    Raises:
        OSError: it cannot be written.
    """
    text = msgspec.json.format(_encoder.encode(saved), indent=1) + b"\n"
    # Renamed into place, so that no reader sees half a file.
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    # Exclusively: in a folder of everybody's, a link of that name would lead elsewhere.
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
    unfinished.replace(path)


def read_saved(path: Path) -> SavedDelivery:
    """Reads the file.

    Raises:
        ReplayError: it cannot be read, or is no saved delivery.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ReplayError(f"{path}: cannot be read: {error.strerror}") from error
    if len(text) > MAX_FILE_BYTES:
        raise ReplayError(f"{path}: is larger than {MAX_FILE_BYTES // 1024 // 1024} MiB: no saved delivery")
    try:
        saved = _decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReplayError(f"{path}: is no delivery as `outworx forward --save` writes it: {error}") from error
    if saved.version != VERSION:
        raise ReplayError(f"{path}: has version {saved.version}, this release reads {VERSION}")
    problem = _problem(saved)
    if problem is not None:
        raise ReplayError(f"{path}: {problem}")
    return saved


def _problem(saved: SavedDelivery) -> str | None:
    """Why this cannot be sent: the file may be anybody's, and what is in it goes into a request's head."""
    if not _TOKEN.fullmatch(saved.method):
        return f"the method {saved.method[:40]!r} is no HTTP method"
    if not saved.path.startswith("/") or not _visible(saved.path + saved.query_string):
        return "path and query_string must be percent-encoded, and the path must begin with /"
    for name, value in saved.headers:
        if not _TOKEN.fullmatch(name) or any(sign in value for sign in "\r\n\0"):
            return f"the header {name[:60]!r} cannot be sent: a name or value with forbidden characters"
    return None


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def curl_line(saved: SavedDelivery, to: str) -> str:
    """A shell command that sends the same bytes, with the signature it came with.

    Args:
        saved: the delivery.
        to: origin and path prefix, such as `http://localhost:3000`; path and query are added.
    """
    address = to.rstrip("/") + saved.path + (f"?{saved.query_string}" if saved.query_string else "")
    words = ["curl", "--silent", "--show-error", "--path-as-is", "--globoff", "--request", saved.method]
    names = set()
    for name, value in saved.headers:
        if name.lower() not in _NOT_FOR_CURL:
            names.add(name.lower())
            # curl leaves out a header that is written "Name:", and sends an empty one for "Name;".
            words += ["--header", f"{name}: {value}" if value else f"{name};"]
    # What curl would add of itself and was not there.
    words += [part for name in _CURLS_OWN if name not in names for part in ("--header", f"{name}:")]
    command = " ".join(map(_word, [*words, address]))
    body = saved.body_base64
    if not body:
        return command
    source = "printf %s " + shlex.quote(body.decode()) if _PLAIN_TEXT.fullmatch(body) else _base64_pipe(body)
    return f"{source} | {command} --data-binary @-"


_CURLS_OWN: Final = ("user-agent", "accept", "content-type", "expect")


def _word(text: str) -> str:
    """A word for the shell: its bytes as they came (ISO-8859-1), and nothing that a terminal would obey."""
    if text.isascii() and text.isprintable():
        return shlex.quote(text)
    octal = "".join(f"\\{byte:03o}" for byte in header_bytes(text))
    return f"\"$(printf '{octal}')\""


def _base64_pipe(body: bytes) -> str:
    import base64

    return f"printf %s {base64.b64encode(body).decode()} | base64 -d"
