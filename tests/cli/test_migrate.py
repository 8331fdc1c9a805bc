"""`outworx migrate`: what is of outworx-hooks becomes ours; what cannot be decided is named and left."""

from __future__ import annotations

import ast
import codecs
import importlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import invoked, quiet_environment

from outworx_otel.cli.migrate.dependencies import migrate_pyproject, migrate_requirements
from outworx_otel.cli.migrate.names import MODULES, NAMES, WITHOUT
from outworx_otel.cli.migrate.python_source import migrate_python

ROOT = Path(__file__).parents[2]
# What its modules list in `__all__`, and what its page imports: asked of the installed 1.5.0.
PUBLIC = {
    "outworx_hooks": "init get_config TrackOptions TrackContext WebhookEventPayload ProcessingStatus "
    "SignatureFailureReason resolve_processing_status capture_webhook_event send",
    "outworx_hooks.security": "SignatureResult verify_stripe_signature verify_github_signature "
    "verify_shopify_signature verify_svix_signature verify_slack_signature verify_stripe_signature_detailed "
    "verify_github_signature_detailed verify_shopify_signature_detailed verify_svix_signature_detailed "
    "verify_slack_signature_detailed verify_by_provider verify_by_provider_detailed is_supported_provider "
    "SUPPORTED_PROVIDERS hmac_sha256_hex hmac_sha256_base64 timing_safe_equal",
    "outworx_hooks.integrations.fastapi": "OutworxHooksMiddleware",
    "outworx_hooks.integrations.flask": "with_webhook_monitoring",
    "outworx_hooks.integrations.django": "OutworxHooksMiddleware",
    "outworx_hooks.cli": "main",
}
EVERY = [f"{module}.{name}" for module, names in PUBLIC.items() for name in names.split()]


def python(source: str) -> tuple[str, list[int]]:
    """What a source becomes, and the lines that are left to its owner."""
    found = migrate_python(textwrap.dedent(source).encode())
    return found.content.decode(), [one.line for one in found.left]


def test_every_public_name_has_a_counterpart_that_is_there_or_advice() -> None:
    assert [name for name in EVERY if name not in NAMES and name not in WITHOUT] == []
    for new in (*NAMES.values(), *MODULES.values()):
        module, _, name = new.rpartition(".")
        assert hasattr(importlib.import_module(module), name) if module else importlib.import_module(new), new


def test_the_page_names_every_name() -> None:
    page = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(outworx_hooks[\w.]*)` \| (.*) \|$", page, re.MULTILINE))
    assert {name: rows.get(name) for name in NAMES} == {name: f"`{new}`" for name, new in NAMES.items()}
    assert set(rows) == {*NAMES, *WITHOUT}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import outworx_hooks\noutworx_hooks.init()", "import outworx_otel\noutworx_otel.init()"),
        ("import os, outworx_hooks as oh\noh.init()", "import os, outworx_otel as oh\noh.init()"),
        (
            "import outworx_hooks.security\noutworx_hooks.security.SignatureResult",
            "import outworx_otel.security\noutworx_otel.security.SignatureResult",
        ),
        (
            "from outworx_hooks import TrackOptions as T, init  # both\nT('stripe')",
            "from outworx_otel import TrackOptions as T, init  # both\nT('stripe')",
        ),
        (
            "from outworx_hooks.integrations.fastapi import (\n    OutworxHooksMiddleware,  # it\n)",
            "from outworx_otel.integrations.fastapi import (\n    OutworxHooksMiddleware,  # it\n)",
        ),
        ("from outworx_hooks.integrations import flask", "from outworx_otel.integrations import flask"),
        ("from outworx_hooks.types import TrackOptions", "from outworx_otel import TrackOptions"),
        (
            "if True: from outworx_hooks import init; init()",
            "if True: from outworx_otel import init; init()",
        ),
        (
            "def f(o: 'outworx_hooks.TrackOptions'): return outworx_hooks.TrackOptions\nimport outworx_hooks",
            "def f(o: 'outworx_otel.TrackOptions'): return outworx_otel.TrackOptions\nimport outworx_otel",
        ),
        (
            "MIDDLEWARE = ['x', u'outworx_hooks.integrations.django.OutworxHooksMiddleware']",
            "MIDDLEWARE = ['x', u'outworx_otel.integrations.django.OutworxHooksMiddleware']",
        ),
        (
            "from outworx_hooks import init\ndef f(outworx_hooks): return outworx_hooks.get_config",
            "from outworx_otel import init\ndef f(outworx_hooks): return outworx_hooks.get_config",
        ),
        # Comments, docstrings and names of others are nobody's business.
        ('"""Uses outworx_hooks."""\n# outworx_hooks\nimport my_outworx_hooks', None),
        ("from . import outworx_hooks\noutworx_hooks.send()", None),
        ("self.outworx_hooks.init()\nf(outworx_hooks=1)\noutworx_hooks = 1", None),
    ],
)
def test_what_can_be_decided_is_rewritten(before: str, after: str | None) -> None:
    assert python(before) == (after if after is not None else before, [])


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import importlib\nimportlib.import_module('outworx_hooks')", [2]),
        ("name = 'security'\n__import__(f'outworx_hooks.{name}')", [2]),
        ("patch('outworx_hooks' '.send')", [1]),
        ("import outworx_hooks._signature", [1]),
        ("from outworx_hooks._idempotency import check_idempotency", [1]),
        ("from outworx_hooks.transport import get_transport", [1]),
        ("from outworx_hooks import *", [1]),
        ("from outworx_hooks import get_config, send", [1]),
        ("import outworx_hooks\noutworx_hooks.init()\noutworx_hooks.get_config()", [3]),
        ("import outworx_hooks as oh\noh.init()\noh.security.hmac_sha256_hex(b'', '')", [3]),
        ("import outworx_hooks\ngetattr(outworx_hooks, 'init')()", [2]),
        ("try:\n    import outworx_hooks\nexcept ImportError:\n    outworx_hooks = None", [2]),
        ("from outworx_hooks import (\n    init,  # the one\n    send,\n)", [1]),
        ("import outworx_hooks as outworx_hooks", [1]),
        ("from outworx_hooks import security as s\ns.SignatureResult\ns.hmac_sha256_hex(b'', '')", [3]),
        ("import outworx_hooks.security, outworx_hooks.transport\noutworx_hooks.init()", [1]),
        ("install('outworx-hooks')", [1]),
        ("from outworx_hooks import (", [1]),
    ],
)
def test_what_cannot_be_decided_is_named_by_line_and_left(source: str, lines: list[int]) -> None:
    after, left = python(source)
    assert after == source
    assert sorted(set(left)) == lines


def test_of_one_import_what_has_a_counterpart_moves_and_the_rest_stays() -> None:
    before = "if x:\r\n    from outworx_hooks import init, get_config as c  # both\r\n    init()\r\n"
    after = migrate_python(before.encode())
    assert after.content.decode() == (
        "if x:\r\n    from outworx_otel import init  # both\r\n    from outworx_hooks import get_config as c\r\n"
        "    init()\r\n"
    )
    assert [one.line for one in after.left] == [2]


_STATEMENTS = [
    "import outworx_hooks",
    "import outworx_hooks.security as sec, os",
    "from outworx_hooks import TrackOptions, init",
    "from outworx_hooks import init, get_config",
    "from outworx_hooks.security import (\n    verify_stripe_signature,  # ü\n    SignatureResult as R,\n)",
    "from outworx_hooks.integrations import flask",
    "outworx_hooks.init(on_error=outworx_hooks.TrackContext)",
    "def f(outworx_hooks):\n\treturn outworx_hooks.send",
    "class A:\n    import outworx_hooks\n    x = outworx_hooks.ProcessingStatus",
    "MIDDLEWARE = [\n  'outworx_hooks.integrations.django.OutworxHooksMiddleware' ,\n]",
    "print(outworx_hooks, sec.SignatureResult, 'outworx_hooks')",
    "# ü outworx_hooks",
    "x = 'ü'; y = [ 1,2 ]",
    "\f",
    "",
]


@given(
    st.lists(st.sampled_from(_STATEMENTS), max_size=8),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "latin-1", "bom"]),
    st.booleans(),
)
def test_a_second_run_changes_nothing_and_line_ends_and_encoding_stay(
    statements: list[str], end: str, encoding: str, ends: bool
) -> None:
    cookie = ["# -*- coding: latin-1 -*-"] if encoding == "latin-1" else []
    text = end.join("\n".join([*cookie, *statements]).split("\n")) + (end if ends else "")
    raw = text.encode("latin-1" if encoding == "latin-1" else "utf-8")
    raw = codecs.BOM_UTF8 + raw if encoding == "bom" else raw
    once = migrate_python(raw)
    again = migrate_python(once.content)
    assert again.content == once.content
    assert [one.why for one in again.left] == [one.why for one in once.left]
    assert ast.parse(once.content) or not statements
    # Nothing but names has changed: with the old names back, and a split line whole, it is the file that it was.
    lines = once.content.split(end.encode())
    expected = raw.split(end.encode())
    moved = [line for line in lines if line not in expected]
    assert all(b"outworx_otel" in line or line == b"from outworx_hooks import get_config" for line in moved)
    assert len(lines) - len(expected) == once.content.count(
        b"from outworx_hooks import get_config"
    ) - text.count("from outworx_hooks import get_config")


@given(st.binary(max_size=200), st.sampled_from([migrate_python, migrate_requirements, migrate_pyproject]))
def test_no_file_makes_it_stumble_and_one_that_does_not_name_it_stays(noise: bytes, migrate: Any) -> None:
    assert migrate(noise).content == noise
    for name in (b"outworx_hooks", b"outworx-hooks"):
        found = migrate(name + b"\n" + noise)
        assert migrate(found.content).content == found.content


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("outworx-hooks\n", "outworx-otel\n"),
        ("a\r\nOutworx_Hooks[fastapi]==1.5.0 ; python_version > '3.8'  # it\r\n", None),
        ("  outworx-hooks~=1.5", "  outworx-otel"),
        ("# outworx-hooks==1.5\nmy-outworx-hooks\noutworx-hooks-extra==1", "same"),
    ],
)
def test_a_requirement_changes_its_name_and_loses_its_version(before: str, after: str | None) -> None:
    if after is None:
        after = "a\r\noutworx-otel[fastapi] ; python_version > '3.8'  # it\r\n"
    after = before if after == "same" else after
    found = migrate_requirements(before.encode())
    assert (found.content.decode(), found.left) == (after, ())


@pytest.mark.parametrize(
    "line",
    [
        "outworx-hooks==1.5.0 --hash=sha256:1125bd",
        "outworx-hooks @ https://example.com/outworx_hooks-1.5.0-py3-none-any.whl",
        "-e git+https://example.com/fork.git#egg=outworx-hooks",
        "./vendor/outworx-hooks",
    ],
)
def test_a_requirement_that_is_no_plain_one_is_left_and_named(line: str) -> None:
    found = migrate_requirements(f"flask\n{line}\n".encode())
    assert found.content.decode() == f"flask\n{line}\n"
    # Behind a # it is a comment to nobody but us: pip reads it.
    assert [one.line for one in found.left] == ([2] if "#egg" not in line else [])


def test_pyproject_changes_where_it_lists_dependencies_and_nowhere_else() -> None:
    before = """\
[project]
keywords = ["outworx-hooks"]
dependencies = ["a", "outworx-hooks[flask]>=1.5;python_version>'3.9'"] # it
[project.optional-dependencies]
web = [
  'outworx_hooks ~= 1.5',
]
[dependency-groups]
dev = ["outworx-hooks==1.5.0"]
[tool.poetry.dependencies]
outworx-hooks = "^1.5"
"""
    found = migrate_pyproject(before.encode())
    assert (
        found.content.decode()
        == """\
[project]
keywords = ["outworx-hooks"]
dependencies = ["a", "outworx-otel[flask] ; python_version>'3.9'"] # it
[project.optional-dependencies]
web = [
  'outworx-otel',
]
[dependency-groups]
dev = ["outworx-otel"]
[tool.poetry.dependencies]
outworx-otel = "*"
"""
    )
    assert [one.line for one in found.left] == [2]


FLASK = """
from flask import Flask, g, request
from outworx_hooks import TrackOptions, init
from outworx_hooks.integrations.flask import with_webhook_monitoring

init()
app = Flask(__name__)

@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(TrackOptions(provider="stripe", signature_secret="whsec_1"))
def stripe_webhook():
    g.outworx_track.processed()
    return {"received": request.get_json()["id"]}
"""


ASKED = """
from outworx_otel.testing import sign

client, body = app.test_client(), b'{"id": "evt_1", "type": "charge.succeeded"}'
headers = {"content-type": "application/json"}
signed = client.post("/webhooks/stripe", data=body, headers={**headers, **sign("stripe", body, "whsec_1")})
print(signed.status_code, signed.json, client.post("/webhooks/stripe", data=body, headers=headers).status_code)
"""


def test_an_application_of_the_published_page_runs_after_it(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(FLASK)
    assert invoked("migrate", str(file)).code == 0
    file.write_text(file.read_text() + ASKED)

    # In a process of its own: `init()` sets OpenTelemetry up for all of it.
    done = subprocess.run(  # noqa: S603  # ours
        [sys.executable, str(file)],
        env=quiet_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.splitlines() == ["200 {'received': 'evt_1'} 401"], done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "settings.py").write_bytes(
        b"MIDDLEWARE = ['outworx_hooks.integrations.django.OutworxHooksMiddleware']\r\n"
    )
    (tmp_path / "app" / "views.py").write_text("import outworx_hooks\nprint(outworx_hooks.get_config())\n")
    (tmp_path / "requirements.txt").write_text("outworx-hooks==1.5.0\n")
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN pip install outworx-hooks\n")
    for folder in (".git", "node_modules", "env"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "copy.py").write_text("import outworx_hooks\n")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "link.py").symlink_to(tmp_path / "app" / "settings.py")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("option", ["--dry-run", "--diff"])
def test_without_writing_it_says_the_same_and_writes_nothing(project: Path, option: str) -> None:
    before = contents(project)
    done = invoked("migrate", str(project), option)
    assert contents(project) == before
    assert done.code == 1
    assert "2 files would be changed, 2 places left to you" in done.err
    assert f"{project / 'app' / 'views.py'}:2: outworx_hooks.get_config has no counterpart" in done.err
    assert f"{project / 'Dockerfile'}:2:" in done.err
    assert ("+outworx-otel\n" in done.out) is (option == "--diff")


def test_it_writes_once_and_keeps_permissions_and_what_is_not_its_business(project: Path) -> None:
    settings = project / "app" / "settings.py"
    settings.chmod(0o640)
    before = contents(project)
    assert invoked("migrate", str(project)).code == 1
    after = contents(project)
    assert {Path(name).name for name in before if before[name] != after[name]} == {
        "link.py",
        "requirements.txt",
        "settings.py",
    }
    assert settings.read_bytes().endswith(b".OutworxHooksMiddleware']\r\n")
    assert settings.stat().st_mode & 0o777 == 0o640
    assert (project / "link.py").is_symlink()
    again = invoked("migrate", str(project))
    assert "0 files changed" in again.err
    assert contents(project) == after


def test_a_link_that_is_named_stays_one_and_its_file_is_rewritten(project: Path) -> None:
    assert invoked("migrate", str(project / "link.py")).code == 0
    assert (project / "link.py").is_symlink()
    assert b"outworx_otel" in (project / "app" / "settings.py").read_bytes()


def test_what_is_too_large_or_too_deep_is_said(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_bytes(b"import outworx_hooks\n" + b"#" * (4 << 20))
    (tmp_path / "deep.py").write_text("import outworx_hooks\nx = " + "(" * 150 + "1" + ")" * 150 + "\n")
    done = invoked("migrate", str(tmp_path))
    assert "large.py: is larger than 4 MiB" in done.err
    # Whether it is too deep is for the parser to say; it is read, or named.
    assert (b"outworx_otel" in (tmp_path / "deep.py").read_bytes()) is ("deep.py:1:" not in done.err)


def test_a_path_that_is_not_there_is_a_misuse(tmp_path: Path) -> None:
    assert invoked("migrate", str(tmp_path / "nothing")).code == 2
