"""Outcomes are told apart whatever colours somebody sees: by lightness, or by the shape beside the words."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from outworx_otel.server.dashboard import assets
from outworx_otel.server.explaining.codes import KINDS

_STATIC = Path(assets.__file__).parent / "static"
_TOKENS = (_STATIC / "tokens.css").read_text()
# Machado, Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency",
# severity 1.0, of linear RGB.
_SIGHTS = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
# CIE lightness, of 100: what two patches of a page are told apart by.
_TELLS_APART = 12.0
_SCHEMES = ("light", "dark")
_MARK = re.compile(r'if outcome == "(\w+)" %}(.*)')
_DRAWN = re.compile(r"<(path|circle|rect)\b([^>]*)>")


def token(name: str, scheme: str) -> str:
    """The colour of a token, `#rrggbb`."""
    both = re.search(rf"--{name}: light-dark\((#\w{{6}}), (#\w{{6}})\);", _TOKENS)
    assert both is not None, name
    return both[1 + _SCHEMES.index(scheme)]


def colour_of(outcome: str) -> str:
    """The token that the badge of an outcome takes."""
    found = re.search(rf"\.o-{outcome}\b[^{{}}]*{{ --o: var\(--(\w+)\);", _TOKENS)
    assert found is not None, outcome
    return found[1]


def seen(colour: str, sight: str) -> float:
    """The luminance of a colour (0 to 1) as somebody sees it."""
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    ]
    mixed = [sum(part * value for part, value in zip(row, linear, strict=True)) for row in _SIGHTS[sight]]
    red, green, blue = (min(max(value, 0.0), 1.0) for value in mixed)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lightness(luminance: float) -> float:
    """CIE L*."""
    return 903.3 * luminance if luminance <= 0.008856 else 116 * luminance ** (1 / 3) - 16


def drawn() -> dict[str, frozenset[tuple[str, str]]]:
    """What the badge of each outcome draws."""
    marks = dict(_MARK.findall((_STATIC.parent / "templates" / "_marks.html").read_text()))
    return {outcome: frozenset(_DRAWN.findall(marks.get(outcome, ""))) for outcome in KINDS}


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("sight", _SIGHTS)
def test_each_pair_of_outcomes_is_told_apart(sight: str, scheme: str) -> None:
    shapes = drawn()
    assert all(shapes.values())
    alike = [
        (one, other)
        for one, other in itertools.combinations(KINDS, 2)
        if shapes[one] == shapes[other]
        and abs(
            lightness(seen(token(colour_of(one), scheme), sight))
            - lightness(seen(token(colour_of(other), scheme), sight))
        )
        < _TELLS_APART
    ]
    assert alike == []
    assert len({kind.label for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("scheme", _SCHEMES)
@pytest.mark.parametrize("sight", _SIGHTS)
def test_each_outcome_can_be_read_by_everybody(sight: str, scheme: str) -> None:
    surfaces = [seen(token(name, scheme), sight) for name in ("surface", "hover")]
    contrasts = {}
    for outcome in KINDS:
        own = seen(token(colour_of(outcome), scheme), sight)
        contrasts[outcome] = min(
            (max(own, surface) + 0.05) / (min(own, surface) + 0.05) for surface in surfaces
        )
    assert {outcome: round(ratio, 2) for outcome, ratio in contrasts.items() if ratio < 4.5} == {}


def test_each_state_of_a_stage_has_a_mark_of_its_own() -> None:
    source = (_STATIC.parent / "templates" / "delivery.html").read_text()
    stage = source.split('class="stage-mark"')[1].split("</svg>")[0]
    drawings = re.split(r"{% (?:elif|else|endif|if)[^%]*%}", stage)[1:5]
    assert len({drawing for drawing in drawings if "<" in drawing}) == 4
