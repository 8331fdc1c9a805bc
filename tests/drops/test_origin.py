"""Whose code is whose."""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path

import pytest

import outworx_otel
from outworx_otel.drops import origin
from outworx_otel.drops.handlers import functions_behind


def test_the_application_is_what_is_neither_installed_nor_the_interpreters_nor_ours() -> None:
    assert origin.is_application(__file__)
    assert origin.is_application("payments.py")
    for foreign in (json.__file__, pytest.__file__, outworx_otel.__file__, "<string>", "<frozen importlib>"):
        assert not origin.is_application(foreign), foreign


def test_a_virtual_environment_inside_the_project_is_not_the_application() -> None:
    project = Path("/srv/shop")
    assert origin.is_application(str(project / "payments.py"))
    installed = project / ".venv" / "lib" / "python3.13" / "site-packages" / "stripe" / "client.py"
    assert not origin.is_application(str(installed))


def test_an_application_that_was_installed_is_told_by_its_handler() -> None:
    packages = Path(sysconfig.get_paths()["purelib"])
    shop, charge = packages / "shop" / "views.py", packages / "shop" / "billing" / "charge.py"
    namespace: dict[str, object] = {}
    exec(compile("def view(track): return 1", str(shop), "exec"), namespace)  # noqa: S102  # our own text
    assert not origin.is_application(str(charge))
    (function,), _ = functions_behind(namespace["view"])
    assert function is namespace["view"]
    assert origin.is_application(str(charge))
    assert not origin.is_application(str(packages / "shopping" / "views.py"))
    assert not origin.is_application(pytest.__file__)


def test_a_single_module_that_was_installed_is_adopted_alone() -> None:
    packages = Path(sysconfig.get_paths()["purelib"])
    origin.adopt(str(packages / "hooks.py"))
    assert origin.is_application(str(packages / "hooks.py"))
    assert not origin.is_application(str(packages / "other.py"))


def test_the_standard_library_is_never_adopted() -> None:
    origin.adopt(json.__file__)
    assert not origin.is_application(json.__file__)
    assert functions_behind(json.dumps) == ((), None)


def test_what_is_remembered_of_files_is_bounded() -> None:
    for number in range(10_000):
        assert origin.is_application(f"/srv/generated_{number}.py")
    assert len(origin._known) <= 8192
