"""What the tunnel adds to a delivery, beside a bare reverse proxy: `python -m benchmarks.relay`."""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.report import Verdict

ROUNDS: Final = 400
AT_ONCE: Final = 50
TARGET_MS: Final = 5.0
_BODY: Final = b'{"type":"charge.succeeded","data":"' + b"x" * 1000 + b'"}'
_METHODS: Final = ["GET", "POST"]
_TARGET: Final = "OUTWORX_BENCHMARK_TARGET"
_HOW: Final = f"""\
1 KB deliveries over keep-alive connections on loopback, one after the other, {ROUNDS} to each in random order.
The application (Starlette on uvicorn), a bare reverse proxy before it (Starlette and httpx), `outworx serve` and
`outworx forward` are processes of their own. Milliseconds by the wall clock."""


async def hook(request: Request) -> Response:
    """The application: reads the body, answers."""
    await request.body()
    return Response(b'{"received":true}', media_type="application/json")


application = Starlette(routes=[Route("/{path:path}", hook, methods=_METHODS)])


@contextlib.asynccontextmanager
async def _client(_: Starlette) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    async with httpx.AsyncClient(base_url=os.environ[_TARGET]) as client:
        yield {"client": client}


async def passing(request: Request) -> Response:
    """The proxy: the same request to the application, its answer back."""
    client: httpx.AsyncClient = request.state.client
    headers = [pair for pair in request.headers.raw if pair[0] != b"host"]
    answer = await client.request(
        request.method, request.url.path, headers=headers, content=await request.body()
    )
    return Response(answer.content, answer.status_code, dict(answer.headers))


proxy = Starlette(routes=[Route("/{path:path}", passing, methods=_METHODS)], lifespan=_client)


def main() -> None:
    """Runs all three and prints the table."""
    print(_HOW)
    with contextlib.ExitStack() as stack:
        lanes = dict(_lanes(stack))
        client = stack.enter_context(httpx.Client(timeout=30, trust_env=False))
        times = _times(client, lanes)
        rates = {name: _rate(client, url) for name, url in lanes.items()}
    direct = times["direct"]
    print(f"\n{'':<22}{'median':>8}{'p95':>8}{'added':>8}{f'  per second at {AT_ONCE}':>20}")
    for name, taken in times.items():
        added = median(taken) - median(direct)
        p95 = quantiles(taken, n=20)[-1]
        print(f"{name:<22}{median(taken):>8.2f}{p95:>8.2f}{added:>+8.2f}{rates[name]:>20.0f}")
    verdict = Verdict(
        "the tunnel: ms added at the median", median(times["tunnel"]) - median(direct), TARGET_MS
    )
    print(f"{verdict.what}: {verdict}")


def _lanes(stack: contextlib.ExitStack) -> Iterator[tuple[str, str]]:
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    direct = _serve(stack, directory, "application")
    yield "direct", direct
    yield "bare reverse proxy", _serve(stack, directory, "proxy", direct)
    port = _free_port()
    server = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{directory}/outworx.db"
    _start(
        stack, directory, "serve", ["outworx_otel.cli", "serve", "--port", str(port), "--database", database]
    )
    _until_up(f"{server}/healthz")
    said = _start(
        stack, directory, "forward", ["outworx_otel.cli", "forward", direct, "--new", "--endpoint", server]
    )
    while (found := re.search(r"Public URL: +(\S+)", said.read_text())) is None:
        time.sleep(0.05)
    yield "tunnel", f"{found[1]}/hook"


def _serve(stack: contextlib.ExitStack, directory: Path, name: str, target: str = "") -> str:
    port = _free_port()
    module = ["uvicorn", f"benchmarks.relay:{name}", "--port", str(port), "--log-level", "warning"]
    _start(stack, directory, name, module, target)
    _until_up(f"http://127.0.0.1:{port}/hook")
    return f"http://127.0.0.1:{port}/hook" if name == "proxy" else f"http://127.0.0.1:{port}"


def _start(
    stack: contextlib.ExitStack, directory: Path, name: str, module: list[str], target: str = ""
) -> Path:
    out = directory / f"{name}.txt"
    environ = {**os.environ, _TARGET: target, "PYTHONUNBUFFERED": "1", "OUTWORX_API_KEY": ""}
    with out.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", *module], stdout=file, env=environ)  # noqa: S603
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return out


def _until_up(url: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _times(client: httpx.Client, lanes: dict[str, str]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)
    order = list(lanes) * (ROUNDS + 20)
    random.shuffle(order)
    for name in order:
        begun = time.perf_counter()
        client.post(lanes[name], content=_BODY).raise_for_status()
        times[name].append((time.perf_counter() - begun) * 1000)
    # Without what warms up.
    return {name: times[name][20:] for name in lanes}


def _rate(client: httpx.Client, url: str) -> float:
    """Deliveries a second, many at once; the sender takes its share of the machine too."""

    def deliver(_: int) -> None:
        client.post(url, content=_BODY).raise_for_status()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = time.perf_counter()
        list(pool.map(deliver, range(ROUNDS)))
        return ROUNDS / (time.perf_counter() - begun)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
