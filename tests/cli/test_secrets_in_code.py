"""A command signs with the secret that the application's code names, or proposes the variable to set."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.commands import invoked

from outworx_otel.cli.doctor.source_scan import python_files
from outworx_otel.cli.secret_options import chosen_credentials
from outworx_otel.cli.secrets_in_code import secrets_in_code

CODE = {
    "an adapter's options": 'x = TrackOptions(provider="stripe", signature_secret_env="SHOP")',
    "the decorator": '@webhook("stripe", signature_secret_env="SHOP")\ndef hook(): ...',
    "several while one is rotated": 'x = TrackOptions("stripe", signature_secret_env=["SHOP", "OLD"])',
    "Django's settings": 'ROUTES = {"/x": {"provider": "stripe", "signature_secret_env": "SHOP"}}',
    "the page's way": 'x = TrackOptions(provider="stripe", signature_secret=os.environ["SHOP"])',
    "another way": 'x = TrackOptions(provider="stripe", signature_secret=os.getenv("SHOP"))',
    "and another": 'x = dict(provider="stripe", signature_secret=environ.get("SHOP", ""))',
}
TRIGGER = ("trigger", "stripe", "charge.succeeded", "--to", "9/webhooks/stripe")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SHOP", "OUTWORX_SECRET_STRIPE", "STRIPE_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_a_variable_that_code_names_is_found_with_its_place(code: str, tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "hooks.py").write_text(f"import os\n{code}\n")

    found = secrets_in_code(tmp_path)[0]

    assert (found.provider, found.variable, found.place) == ("stripe", "SHOP", "shop/hooks.py:2")


@pytest.mark.parametrize(
    "code",
    [
        "x = TrackOptions(provider=name, signature_secret_env=variable)",
        'x = TrackOptions(provider="stripe", signature_secret="whsec_literal")',
        'x = {"provider": "stripe"}',
        'x = {**other, "signature_secret_env": "SHOP"}',
        "def broken(:",
    ],
)
def test_what_code_leaves_open_is_not_guessed(code: str, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(code)

    assert secrets_in_code(tmp_path) == []


def test_a_folder_of_very_many_is_not_read_to_its_end(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").touch()

    read = [path.relative_to(tmp_path).as_posix() for path in python_files(tmp_path, most_folders=3)]
    assert read == ["a/app.py", "b/app.py"]


def test_the_variable_that_the_code_names_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text(CODE["the decorator"])
    monkeypatch.setenv("SHOP", "whsec_of_the_shop")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_usual")

    found = chosen_credentials("stripe", ["/webhooks/stripe"], [], [])

    assert (found.secret, found.source) == ("whsec_of_the_shop", "SHOP")
    # Another provider's is none for this one.
    assert chosen_credentials("github", ["/webhooks/github"], [], []).secret is None


def test_what_is_configured_goes_before_what_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.py").write_text(CODE["the decorator"])
    monkeypatch.setenv("SHOP", "whsec_of_the_shop")
    monkeypatch.setenv("OUTWORX_SECRET_STRIPE", "whsec_configured")

    assert chosen_credentials("stripe", ["/webhooks/stripe"], [], []).secret == "whsec_configured"  # noqa: S105


def test_the_usual_name_serves_where_nothing_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_usual")

    found = chosen_credentials("stripe", ["/webhooks/stripe"], [], [])

    assert (found.secret, found.source) == ("whsec_usual", "STRIPE_WEBHOOK_SECRET")


def test_trigger_proposes_the_variable_that_the_code_names(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(CODE["an adapter's options"])

    done = invoked(*TRIGGER)

    assert done.code == 2
    assert "app.py:1 takes it from SHOP, which is not set here; set it to the signing secret" in done.err


def _dot_env(folder: Path, lines: str) -> None:
    (folder / "app.py").write_text(CODE["an adapter's options"])
    (folder / ".env").write_bytes(lines.encode())


@pytest.mark.parametrize(
    "line",
    [
        "SHOP=whsec_1",
        "export SHOP='whsec_1'",
        'SHOP="whsec_1"  # of the shop',
        "\n# a comment\n SHOP=whsec_1",
    ],
)
@pytest.mark.parametrize("named", ["code", "file"])
def test_trigger_says_how_to_export_what_stands_in_a_dot_env_and_a_shell_does_it(
    line: str, named: str, tmp_path: Path
) -> None:
    _dot_env(tmp_path, f"OTHER=1\n{line}\n")
    if named == "file":
        (tmp_path / "app.py").unlink()
        (tmp_path / "outworx.toml").write_text(
            '[endpoints."/webhooks/stripe"]\nprovider = "stripe"\nsignature_secret_env = "SHOP"\n'
        )

    said = invoked(*TRIGGER).err

    assert "whsec_1" not in said
    (command,) = re.findall("`(set -a.*)`", said)
    said = subprocess.check_output(["/bin/sh", "-c", f"{command}; env"], cwd=tmp_path, text=True)  # noqa: S603
    assert "SHOP=whsec_1" in said.splitlines()


@pytest.mark.parametrize(
    "lines",
    [
        "SHOP = whsec_1\n",
        "SHOP=whsec_1\r\n",
        "SHOP=whsec_$1\n",
        "SHOP=whsec_1\nNAME=The shop\n",
        'SHOP="whsec_`1`"\n',
        "SHOP=whsec_1&\n",
    ],
)
def test_a_dot_env_that_a_shell_reads_otherwise_is_not_proposed_to_one(lines: str, tmp_path: Path) -> None:
    _dot_env(tmp_path, lines)

    said = invoked(*TRIGGER).err

    assert "set -a" not in said
    assert "export SHOP with the value" in said
    assert "whsec_" not in said
