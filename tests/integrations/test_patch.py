"""Taking a patch out puts back the very object that was there."""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.integrations._patch import Patch


class Base:
    def run(self) -> str:
        return "base"

    @staticmethod
    def fixed() -> str:
        return "fixed"


class Child(Base):
    """Inherits both."""


def louder(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> str:
    return str(wrapped(*args, **kwargs)).upper()


@pytest.mark.parametrize(
    ("owner", "name"), [(Base, "run"), (Base, "fixed"), (Child, "run"), (Child, "fixed")]
)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_class_is_as_it_was_however_often_it_is_patched_and_unpatched(
    owner: type[Any], name: str, times: int
) -> None:
    before = dict(vars(owner))
    patch = Patch(owner, name, louder)
    for _ in range(2):
        for _ in range(times):
            patch.apply()
        assert getattr(owner(), name)().isupper()
        for _ in range(times):
            patch.remove()
        assert dict(vars(owner)) == before
        assert all(vars(owner)[key] is value for key, value in before.items())
        assert getattr(owner(), name)().islower()


def test_what_others_wrapped_round_ours_is_left_to_them() -> None:
    patch = Patch(Base, "run", louder)
    original = vars(Base)["run"]
    patch.apply()
    ours = vars(Base)["run"]

    def theirs(self: Base) -> str:
        return f"<{ours.__get__(self)()}>"

    Base.run = theirs  # type: ignore[method-assign]
    try:
        patch.remove()
        assert vars(Base)["run"] is theirs
        patch.apply()
        assert Base().run() == "<BASE>"
        Base.run = ours
        patch.remove()
        assert vars(Base)["run"] is original
    finally:
        Base.run = original  # type: ignore[method-assign]
