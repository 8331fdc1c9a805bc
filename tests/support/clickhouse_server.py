"""ClickHouse's HTTP interface over chdb's engine: what clickhouse-connect's client needs, and faults on request.

A program of its own, since a process has one engine: `python -m support.clickhouse_server --port 0 --path FOLDER`
says `listening on PORT` once it does. Every request has a connection of its own to that engine; a session keeps its.
Faults are switched by `PUT /faults`, see `Fault`. It is no cluster: nothing is replicated, sharded or told apart by
user, settings of the transport (progress headers, `wait_end_of_query`) are taken and change nothing, and
`DROP ... SYNC` does not wait.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import email.parser
import email.policy
import gzip
import http.client
import io
import json
import re
import socket
import struct
import sys
import tempfile
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

_CODE: Final = re.compile(r"Code: (\d+)")
_FORMAT: Final = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
# `VALUES` stay in the statement; other rows come from a file, since the engine takes them apart as text.
_INSERT: Final = re.compile(
    rb"(\s*INSERT\s+INTO\s[^;]*?)(\s+SETTINGS\s[^;]*?)?(\s+FORMAT\s+(?!VALUES\b)\w+)[ \t]*\r?\n",
    re.IGNORECASE,
)
_GIVES_ROWS: Final = re.compile(
    rb"[\s(]*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|CHECK)\b", re.IGNORECASE
)
# chdb's engine does not run the task that removes what was dropped: who waits for it, waits for ever.
_WAITS_FOR_A_DROP: Final = re.compile(
    rb"(\s*(?:DROP|DETACH|TRUNCATE)\b.*?)\s+(?:SYNC|NO\s+DELAY)\s*;?\s*", re.IGNORECASE | re.DOTALL
)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_UNKNOWN_SESSION, _LOCKED_SESSION, _WRONG_PASSWORD = 372, 373, 516
# As the real one answers them; what is not here is 500.
_STATUS: Final = {
    **dict.fromkeys((60, 81, 46, 47, 115), 404),
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 44, 53, 62, 70, 72, 117, 320, 386), 400),
    **dict.fromkeys((164, 497), 403),
    _WRONG_PASSWORD: 403,
    48: 501,
    159: 408,
    203: 503,
}
# Parameters that are no settings of a query.
_TRANSPORT: Final = {
    *(
        "query",
        "database",
        "user",
        "password",
        "quota_key",
        "role",
        "query_id",
        "default_format",
        "buffer_size",
    ),
    *("session_id", "session_timeout", "session_check", "close_session", "wait_end_of_query", "stacktrace"),
    *("client_protocol_version", "enable_http_compression", "send_progress_in_http_headers", "compress"),
    *("http_headers_progress_interval_ms", "decompress", "cancel_http_readonly_queries_on_client_close"),
}
_MAX_SESSIONS: Final = 256
# From that version of the protocol on each column of a block says how it is serialised.
_WITH_SERIALIZATIONS: Final = 54454
_BLOCK_INFO: Final = b"\1\0\2\xff\xff\xff\xff\0"
_SIZES: Final = {f"{sign}Int{bits}": bits // 8 for sign in ("", "U") for bits in (8, 16, 32, 64)}


@dataclasses.dataclass
class Fault:
    """What happens to requests instead of an answer.

    Args:
        kind: `unavailable` (503), `slow` (answered after `seconds`), `hang` (not answered until the fault is over),
            `half` (it is done, and half of the answer sent, the rest not until the fault is over), `reset` (the
            connection is reset, nothing was done), `lost` (it is done, then the connection is reset) or `garbled`
            (200, and what no client can read).
        seconds: see `slow`; of the others how long the fault lasts, 0 until it is taken back.
        times: how many requests it meets, 0 any number.
        matching: only those whose statement contains this, whatever its case.
    """

    kind: str
    seconds: float = 0
    times: int = 0
    matching: str = ""
    since: float = dataclasses.field(default_factory=time.monotonic)

    def meets(self, statement: bytes) -> bool:
        lasts = self.kind == "slow" or not self.seconds or time.monotonic() < self.since + self.seconds
        return lasts and self.matching.lower().encode() in statement.lower()


class Refused(Exception):
    """A request is answered by an exception, as the server words it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")


class Engine:
    """The one engine of the process.

    Args:
        path: its folder.
        user, password: who is let in.
    """

    def __init__(self, path: str, user: str, password: str) -> None:
        # Not where a test imports this file: its process may have an engine of its own.
        import chdb

        self._connect = lambda: chdb.connect(path)
        self._who = user, password
        # The engine lives as long as somebody is connected to it.
        self._first = self._connect()
        self.version = str(chdb.engine_version)
        self.profile: dict[str, str] = {}
        self._sessions: dict[str, tuple[Any, threading.Lock]] = {}
        self._lock = threading.Lock()

    def check(self, user: str, password: str) -> None:
        if (user, password) != self._who:
            text = (
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name."
            )
            raise Refused(_WRONG_PASSWORD, f"{text} (AUTHENTICATION_FAILED)")

    def run(self, statement: bytes, params: Mapping[str, str]) -> tuple[bytes, Mapping[str, str]]:
        """Runs a statement with the settings and values of its parameters.

        Raises:
            RuntimeError: the engine's own exception, which begins with its code.
        """
        settings = {
            name: value
            for name, value in params.items()
            if name not in _TRANSPORT and not name.startswith("param_") and _NAME.fullmatch(name)
        }
        values = {name[6:]: value for name, value in params.items() if name.startswith("param_")}
        with self._connection(params) as connection:
            database = params.get("database")
            if database:
                connection.query(f"USE {_quoted(database, '`')}")
            for name, value in {**settings, **self.profile}.items():
                connection.query(f"SET {name} = {_quoted(value, chr(39))}")
            try:
                return _run(connection, statement, params.get("default_format", "TabSeparated"), values)
            finally:
                if "session_id" in params:
                    for name in settings:
                        connection.query(f"SET {name} = DEFAULT")

    @contextlib.contextmanager
    def _connection(self, params: Mapping[str, str]) -> Iterator[Any]:
        session = params.get("session_id")
        if session is None:
            connection = self._connect()
            try:
                yield connection
            finally:
                connection.close()
            return
        connection, lock = self._session(session, must_exist=params.get("session_check") == "1")
        if not lock.acquire(blocking=False):
            raise Refused(
                _LOCKED_SESSION, f"Session {session} is locked by a concurrent client. (SESSION_IS_LOCKED)"
            )
        try:
            yield connection
        finally:
            lock.release()

    def _session(self, name: str, *, must_exist: bool) -> tuple[Any, threading.Lock]:
        with self._lock:
            found = self._sessions.pop(name, None)
            if found is None:
                if must_exist:
                    raise Refused(_UNKNOWN_SESSION, f"Session {name} not found. (SESSION_NOT_FOUND)")
                found = self._connect(), threading.Lock()
            self._sessions[name] = found
            if len(self._sessions) > _MAX_SESSIONS:
                oldest, lock = self._sessions.pop(next(iter(self._sessions)))
                with lock:
                    oldest.close()
            return found


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    # Head and body are written apart, and the client acknowledges the first only 40 ms later.
    disable_nagle_algorithm = True
    server: Double

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        """`/faults`: a fault, or `{}` for none any more; `/profile`: what every statement is run with."""
        given = json.loads(self._body())
        if self.path == "/profile":
            self.server.engine.profile = given
        else:
            self.server.switch(Fault(**given) if given else None)
        self._send(200, b"")

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self) -> None:
        body = self._body()
        path, params = (
            urlsplit(self.path).path,
            dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)),
        )
        try:
            statement = b"" if path == "/ping" else self._statement(params, body)
        except (ValueError, zlib.error) as error:
            self._fail(f"Code: 27. DB::Exception: {error}")
            return
        fault = self.server.fault_of(statement)
        if fault in ("unavailable", "reset"):
            self._send(503, b"Service Unavailable\n") if fault == "unavailable" else self._reset()
            return
        if fault == "garbled":
            # A block of no column, and one of a column that the first did not have.
            self._send(200, b"\0\0" + b"\1\1\1a\5UInt8\0\7")
            return
        if path in ("/ping", "/") and not statement:
            self._send(200, b"Ok.\n")
            return
        try:
            self.server.engine.check(*self._who(params))
            found, summary = self.server.engine.run(statement, params)
            format = _format_of(statement, params)
            if format == "Native" and int(params.get("client_protocol_version", 0)) >= _WITH_SERIALIZATIONS:
                found = _as_over_tcp(found)
        except (RuntimeError, Refused) as error:
            self._fail(str(error))
            return
        if fault == "lost":
            self._reset()
            return
        headers = {"X-ClickHouse-Summary": json.dumps(summary), "X-ClickHouse-Timezone": "UTC"}
        headers["X-ClickHouse-Query-Id"] = params.get("query_id") or str(uuid.uuid4())
        if _GIVES_ROWS.match(statement):
            headers["X-ClickHouse-Format"] = format
        packed = self._packed(found, headers) if params.get("enable_http_compression") == "1" else found
        self._send(200, packed, headers, stops=fault == "half")

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _statement(self, params: dict[str, str], body: bytes) -> bytes:
        """The statement; what is in a form beside it goes to the parameters."""
        kind = self.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            head = f"content-type: {kind}\r\n\r\n".encode()
            form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
            for part in form.iter_parts():
                name = part.get_param("name", header="content-disposition")
                params[str(name)] = bytes(part.get_payload(decode=True) or b"").decode()
            body = b""
        body = _UNPACK[self.headers.get("content-encoding", "identity")](body)
        query = params.get("query", "").encode()
        return query + b"\n" + body if query and body else query or body

    def _who(self, params: Mapping[str, str]) -> tuple[str, str]:
        if "x-clickhouse-user" in self.headers:
            return self.headers["x-clickhouse-user"], self.headers.get("x-clickhouse-key", "")
        kind, _, given = self.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            user, _, password = base64.b64decode(given).decode().partition(":")
            return user, password
        return params.get("user", "default"), params.get("password", "")

    def _packed(self, body: bytes, headers: dict[str, str]) -> bytes:
        taken = [one.strip() for one in self.headers.get("accept-encoding", "").split(",")]
        encoding = next((one for one in taken if one in _PACK), None)
        if encoding is None:
            return body
        headers["Content-Encoding"] = encoding
        return _PACK[encoding](body)

    def _fail(self, text: str) -> None:
        found = _CODE.search(text)
        code = int(found[1]) if found else 1000
        body = f"{text} (version {self.server.engine.version} (a double))\n".encode()
        self._send(_STATUS.get(code, 500), body, {"X-ClickHouse-Exception-Code": str(code)})

    def _send(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, stops: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if stops:
            self.wfile.write(body[: len(body) // 2])
            self.server.wait_for_the_end()
            body = body[len(body) // 2 :]
        self.wfile.write(body)

    def _reset(self) -> None:
        # Closed with something to linger for no time, TCP says RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()


class Double(ThreadingHTTPServer):
    """Listens on loopback.

    Args:
        port: 0 is any.
        engine: what runs the statements.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.engine = engine
        self._fault: Fault | None = None
        self._changed = threading.Condition()

    def switch(self, fault: Fault | None) -> None:
        with self._changed:
            self._fault = fault
            self._changed.notify_all()

    def wait_for_the_end(self) -> None:
        """Returns when there is no fault any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._fault is None)

    def fault_of(self, statement: bytes) -> str | None:
        """What becomes of a statement, after the time that it takes."""
        with self._changed:
            fault = self._fault
            if fault is None or not fault.meets(statement):
                return None
            if fault.times:
                fault.times -= 1
                if not fault.times:
                    self._fault = None
            if fault.kind == "hang":
                self._changed.wait_for(lambda: self._fault is not fault, fault.seconds or None)
        if fault.kind == "slow":
            time.sleep(fault.seconds)
        return fault.kind

    def handle_error(self, request: object, client_address: object) -> None:
        # A client that gave up waiting is part of some tests.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # passed on


def _run(
    connection: Any, statement: bytes, format: str, values: dict[str, str]
) -> tuple[bytes, dict[str, str]]:
    rows = _INSERT.match(statement)
    if rows is None:
        dropped = _WAITS_FOR_A_DROP.fullmatch(statement)
        statement = dropped[1] if dropped else statement
        done = connection.query(statement, format, params=values or None)
        return done.bytes() or b"", {"read_rows": str(done.rows_read()), "read_bytes": str(done.bytes_read())}
    into, settings, kind = rows[1], rows[2] or b"", rows[3]
    with tempfile.NamedTemporaryFile(prefix="rows-") as file:
        file.write(statement[rows.end() :])
        file.flush()
        whole = into + f" FROM INFILE {_quoted(file.name, chr(39))}".encode() + settings + kind
        done = connection.query(whole, format, params=values or None)
    return b"", {"written_rows": str(done.rows_read()), "written_bytes": str(done.bytes_read())}


def _format_of(statement: bytes, params: Mapping[str, str]) -> str:
    found = _FORMAT.search(statement)
    return found[1].decode() if found else params.get("default_format", "TabSeparated")


def _as_over_tcp(blocks: bytes) -> bytes:
    """Native blocks as Go's client asks for them by a version of the protocol; of texts and whole numbers only."""
    done, source = [], io.BytesIO(blocks)

    def number() -> int:
        value = shift = 0
        while True:
            byte = source.read(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text() -> bytes:
        return source.read(number())

    while source.tell() < len(blocks):
        start = source.tell()
        columns, rows = number(), number()
        done += [_BLOCK_INFO, blocks[start : source.tell()]]
        for _ in range(columns):
            start = source.tell()
            text()
            kind = text().decode()
            done += [blocks[start : source.tell()], b"\0"]
            start = source.tell()
            if kind != "String" and kind not in _SIZES:
                raise Refused(48, f"the double cannot give a column of {kind} so (NOT_IMPLEMENTED)")
            for _ in range(rows if kind == "String" else 0):
                text()
            source.seek(_SIZES.get(kind, 0) * rows, io.SEEK_CUR)
            done.append(blocks[start : source.tell()])
    return b"".join(done)


def _quoted(text: str, mark: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def _lz4(body: bytes) -> bytes:
    import lz4.frame

    return bytes(lz4.frame.compress(body))


def _unlz4(body: bytes) -> bytes:
    import lz4.frame

    # Each block is a frame of its own.
    with lz4.frame.open(io.BytesIO(body)) as file:
        return bytes(file.read())


def _zstd(name: str) -> Callable[[bytes], bytes]:
    def work(body: bytes) -> bytes:
        try:
            from compression import zstd
        except ImportError:
            from backports import zstd  # type: ignore[no-redef] # before Python 3.14
        return bytes(getattr(zstd, name)(body))

    return work


_PACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "lz4": _lz4,
    "zstd": _zstd("compress"),
}
_UNPACK: Final[dict[str, Callable[[bytes], bytes]]] = {
    "identity": bytes,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "lz4": _unlz4,
    "zstd": _zstd("decompress"),
}


def switch(port: int, what: str, **to: Any) -> None:
    """Switches the `faults` (see `Fault`) or the `profile` of the server on a port; to nothing: as at its start."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("PUT", f"/{what}", json.dumps(to))
        if connection.getresponse().status != 200:
            raise AssertionError(f"{what} cannot be {to}")


def main() -> None:
    """Serves until it is ended."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=8123)
    options.add_argument("--path", required=True, help="the engine's folder")
    options.add_argument("--user", default="default")
    options.add_argument("--password", default="")
    given = options.parse_args()
    double = Double(given.port, Engine(given.path, given.user, given.password))
    print(f"listening on {double.server_address[1]}", flush=True)  # what whoever started it waits for
    double.serve_forever()


if __name__ == "__main__":
    main()
