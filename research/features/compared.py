"""Features that compare two statistics: their recipes, so that pairs of windows need not be computed each.

In: the name of any feature. Out: a `Recipe`: the rows to hold, and how the feature comes from them. A hundred
windows make 4,950 pairs, but a hundred averages; of any other feature the recipe is the feature itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.features import formulas as f
from research.features.catalogue import LONGEST_WINDOW, Feature, feature, statistic
from research.features.nodes import Row
from research.features.table import TABLE
from research.kernels.compared import HELD

__all__ = ["PARTS", "Pairs", "Recipe", "pairs", "recipe"]

# What each family of pairs, such as "sma_{a}_{b}", compares, by the front of its names.
PARTS: Final[Mapping[str, Callable[[int], Row]]] = MappingProxyType(
    {"sma": f.sma, "sma_cross": f.sma, "vol_ratio": f.vol}
)


class Recipe(NamedTuple):
    """How a feature comes from held rows.

    Attributes
    ----------
    code : int
        HELD, OVER or CROSS, as `research.kernels.compared` reads them.
    param : int
        The constant that OVER takes away.
    rows : tuple of Feature
        One, which is the feature, or the two that are compared.
    lookback : int
        Bars before the feature's first value.
    """

    code: int
    param: int
    rows: tuple[Feature, ...]
    lookback: int


class Pairs(NamedTuple):
    """Recipes of M features of one family.

    Attributes
    ----------
    rows : tuple of Feature
        All rows that they compare.
    recipes : (M, 4) int64
        As `research.kernels.compared` reads them: code, parameter, places of two of the rows.
    lookback : (M,) int64
        Bars before each feature's first value.
    """

    rows: tuple[Feature, ...]
    recipes: NDArray[np.int64]
    lookback: NDArray[np.int64]


class _Family(NamedTuple):
    """A family of pairs: the smallest window that has a meaning, and what all of its recipes share."""

    least: int
    code: int
    param: int
    history: int


def _families() -> dict[str, _Family]:
    made = {}
    lines = {line.pattern: line for family in TABLE.values() for line in family}
    for front in PARTS:
        line = lines[f"{front}_{{a}}_{{b}}"]
        step = line.expression(20, 50).step
        made[front] = _Family(line.least, step.code, step.params[0] if step.params else 0, step.history)
    return made


_FAMILIES: Final = _families()


@functools.lru_cache(maxsize=16_384)
def _side(front: str, window: str) -> tuple[int, Feature] | None:
    """Return one side of a pair, or None where it has no such window."""
    if not window.isdecimal() or window != str(int(window)):
        return None
    n = int(window)
    return (n, statistic(PARTS[front](n))) if _FAMILIES[front].least <= n <= LONGEST_WINDOW else None


@functools.lru_cache(maxsize=16_384)
def recipe(name: str) -> Recipe:
    """Return how a feature comes from held rows.

    Parameters
    ----------
    name : str
        As in `feature`.

    Returns
    -------
    Recipe

    Raises
    ------
    UnknownName, BadValue
        As `feature` does.

    Examples
    --------
    >>> [row.name for row in recipe("sma_cross_5_60").rows], recipe("sma_cross_5_60").lookback
    (['mean(close, 5)', 'mean(close, 60)'], 60)
    """
    # Without a pattern: there may be a hundred thousand pairs.
    front, *windows = name.rsplit("_", 2)
    if front in _FAMILIES and len(windows) == 2:
        one, other = _side(front, windows[0]), _side(front, windows[1])
        if one and other and one[0] < other[0]:
            pair = _FAMILIES[front]
            back = max(one[1].lookback, other[1].lookback)
            return Recipe(pair.code, pair.param, (one[1], other[1]), pair.history + back)
    whole = feature(name)
    return Recipe(HELD, 0, (whole,), whole.lookback)


def pairs(front: str, one: NDArray[np.int64], other: NDArray[np.int64]) -> Pairs | None:
    """Return the recipes of many pairs of windows at once.

    Parameters
    ----------
    front : str
        What their names begin with, such as "sma_cross".
    one, other : (M,) int64
        Windows.

    Returns
    -------
    Pairs or None
        None where there is no such family, or where it lacks one of the pairs: ask `recipe` why.

    Examples
    --------
    >>> pairs("sma_cross", np.array([5, 5]), np.array([20, 60])).lookback.tolist()
    [20, 60]
    """
    windows = np.unique(np.concatenate([one, other]))
    sides = [_side(front, str(n)) for n in windows.tolist()] if front in _FAMILIES else [None]
    found = tuple(side[1] for side in sides if side is not None)
    if len(found) < len(sides) or not (one < other).all():
        return None
    family, back = _FAMILIES[front], np.array([row.lookback for row in found], dtype=np.int64)
    a, b = np.searchsorted(windows, one), np.searchsorted(windows, other)
    recipes = np.empty((one.size, 4), dtype=np.int64)
    recipes[:, 0], recipes[:, 1], recipes[:, 2], recipes[:, 3] = family.code, family.param, a, b
    return Pairs(found, recipes, family.history + np.maximum(back[a], back[b]))
