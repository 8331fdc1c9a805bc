"""Whether a series of measurements grows: by a rule that neither outliers nor the machine's noise decide."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

_WARM_UP: Final = 1 / 3
"""The part at the beginning that is left out: caches fill, connections are made."""
_CERTAIN: Final = 2.58
"""Standard deviations beyond which a trend is none of chance: one in two hundred."""
_POINTS: Final = 60


@dataclass(frozen=True)
class Bound:
    """How much something may rise between the end of the warm-up and the end: the larger of the two.

    Args:
        absolute: in its own unit.
        share: of its median.
    """

    absolute: float
    share: float = 0.0


@dataclass(frozen=True)
class Growth:
    """What was found in one series.

    Args:
        middle: its median.
        rise: by how much it rose along its trend (Theil and Sen's: the median of all slopes).
        allowed: by how much it might have.
        certainty: of the trend, in standard deviations (Mann and Kendall's test).
    """

    middle: float
    rise: float
    allowed: float
    certainty: float

    @property
    def is_leak(self) -> bool:
        """Whether it rose by more than it may, and not by chance."""
        return self.rise > self.allowed and self.certainty > _CERTAIN


def growth_of(series: Sequence[float], bound: Bound) -> Growth:
    """Judges a series that was measured at even intervals.

    Raises:
        ValueError: it is too short to be judged.
    """
    kept = _thinned(series[int(len(series) * _WARM_UP) :])
    if len(kept) < 8:
        raise ValueError(f"{len(series)} measurements are too few to be judged")
    pairs = [
        (later - earlier, j - i) for (i, earlier), (j, later) in itertools.combinations(enumerate(kept), 2)
    ]
    slope = median(difference / steps for difference, steps in pairs)
    middle = median(kept)
    allowed = max(bound.absolute, bound.share * abs(middle))
    return Growth(
        middle,
        slope * (len(kept) - 1),
        allowed,
        _certainty(len(kept), [difference for difference, _ in pairs]),
    )


def _thinned(series: Sequence[float]) -> list[float]:
    """At most about sixty points, each the median of its neighbours."""
    step = max(len(series) // _POINTS, 1)
    return [median(series[at : at + step]) for at in range(0, len(series), step)]


def _certainty(count: int, differences: Sequence[float]) -> float:
    score = sum((difference > 0) - (difference < 0) for difference in differences)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return max(score - 1, 0) / deviation
