"""What `import outworx_otel` gives, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

import outworx_otel


def test_every_public_name_is_there() -> None:
    for name in outworx_otel.__all__:
        assert getattr(outworx_otel, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tracks'"):
        outworx_otel.tracks  # noqa: B018


FIVE = "from outworx_otel import TrackOptions, current_track, init, instrument, webhook"
HEAVY = (
    # What exports, and what calls servers.
    *(
        "opentelemetry.sdk",
        "opentelemetry.exporter",
        "grpc",
        "google.protobuf",
        "requests",
        "httpx",
        "httpcore",
        "ssl",
    ),
    # Frameworks, queues and databases.
    *("starlette", "fastapi", "flask", "werkzeug", "django", "aiohttp", "litestar", "celery", "rq"),
    *("sqlalchemy", "psycopg", "redis"),
    # What the command line is made of.
    *("typer", "click", "rich", "h11"),
    # What takes as long to import as all of ours: an application that runs has most of it.
    *("asyncio", "wrapt", "packaging", "importlib.metadata", "urllib.request"),
)


@pytest.mark.parametrize("statement", ["import outworx_otel", FIVE])
def test_importing_brings_nothing_heavy(statement: str) -> None:
    script = f"""if True:
        import sys, opentelemetry.metrics, opentelemetry.propagate, opentelemetry.trace
        theirs = set(sys.modules)  # OpenTelemetry's API 1.34 has asyncio imported
        {statement}
        print([name for name in {HEAVY!r} if name in sys.modules and name not in theirs])"""
    found = subprocess.run(  # noqa: S603  # our own Python, without what `site` finds in the environment
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"


def test_importing_the_package_alone_imports_next_to_none_of_its_rooms() -> None:
    script = (
        "import sys, outworx_otel; print(*sorted(m for m in sys.modules if m.startswith('outworx_otel')))"
    )
    found = subprocess.run(  # noqa: S603  # our own Python
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.split() == [
        "outworx_otel",
        # Tells whether anybody guards what is configured, where OpenTelemetry loads something of ours by name.
        *("outworx_otel.process", "outworx_otel.process.loading"),
        "outworx_otel.version",
    ]


def test_each_name_is_listed_before_anything_is_imported() -> None:
    assert set(outworx_otel.__all__) <= set(dir(outworx_otel))
