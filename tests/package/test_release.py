"""How a release is made: workflows that GitHub takes, no token of PyPI's, and a tag that says what the code says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .programs import program

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def workflow(name: str) -> Any:
    return yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", sorted(WORKFLOWS.glob("*.yml"))),
        (
            "vendor.github-issue-forms",
            [
                file
                for file in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")
                if file.name != "config.yml"
            ],
        ),
    ],
    ids=["workflows", "issue-forms"],
)
def test_what_github_reads_fits_its_schema(schema: str, files: list[Path]) -> None:
    done = subprocess.run(  # noqa: S603  # of this environment
        [str(program("check-jsonschema")), "--builtin-schema", schema, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert files
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_what_uploads_may_prove_who_it_is_and_no_secret_is_stored() -> None:
    release = workflow("release.yml")
    may = {name: job.get("permissions", {}).get("id-token") for name, job in release["jobs"].items()}
    assert may == {"build": None, "publish": "write", "announce": None}
    assert release["permissions"] == workflow("ci.yml")["permissions"] == {"contents": "read"}
    assert release["jobs"]["publish"]["environment"]["name"] == "pypi"
    assert "secrets." not in (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
    # Nothing is built where it could be uploaded.
    assert not [step for step in release["jobs"]["publish"]["steps"] if "make" in step.get("run", "")]


def test_what_it_makes_is_what_make_can_make() -> None:
    asked = {
        word
        for job in workflow("release.yml")["jobs"].values()
        for step in job["steps"]
        for line in re.findall(r"^make (.*)$", step.get("run", ""), re.MULTILINE)
        for word in line.split()
    }
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert asked == {"package", "sbom", "audit"}
    assert asked <= targets
    assert re.search(r"^make .*\baudit\b", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    ("tag", "changelog", "said"),
    [
        ("v1.2.0", "## [1.2.0] - 2027-01-01", None),
        ("v1.2.1", "## [1.2.1]", "says 1.2.0"),
        ("1.2.0", "## [1.2.0]", "the tag is 1.2.0"),
        ("v1.2.0", "## [Unreleased]", "has no section [1.2.0]"),
    ],
)
def test_a_tag_is_released_when_it_says_what_the_code_says(
    tag: str, changelog: str, said: str | None
) -> None:
    spec = importlib.util.spec_from_file_location("release_version", ROOT / ".ci" / "release_version.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    problem = module.problem_with(tag, '"""The version."""\n\n__version__ = "1.2.0"\n', changelog)
    assert problem is None if said is None else said in problem
    real = (ROOT / "src" / "outworx_otel" / "version.py").read_text(encoding="utf-8")
    assert "says none" not in (module.problem_with("v0", real, "") or "")
