"""Corporate actions from the adjustment factor, causally.

In: per bar of one symbol, the ratio of its `adj_factor` to the one of the bar before, and the raw close
before. Out: per bar the growth of the adjustment factor, the split and the cash dividend that made it.

Vendors anchor `adj_factor` at their last bar, so the whole column changes with every later dividend; a
ratio of neighbours does not. Splits and dividends are therefore read from the ratios, and the product of
the ratios since a symbol's first bar (`Panel.factor`) is a forward-anchored adjustment that no later bar can
change.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATIO_GRID", "SNAP", "SPLITS", "corporate_actions"]

SNAP = 1e-5
"""A ratio nearer to 1 than this is rounding noise of the vendor's column, not a dividend."""

RATIO_GRID = 1_000_000.0
"""Ratios are rounded to multiples of 1/RATIO_GRID, so that noise in their last bits changes nothing."""

_FORWARD = (6 / 5, 5 / 4, 4 / 3, 7 / 5, 3 / 2, 8 / 5, 5 / 3, 7 / 4, 9 / 5, 5 / 2, 7 / 2)
_WHOLE = tuple(float(n) for n in (*range(2, 13), 14, 15, 16, 18, 20, 25, 30, 35, 40, 50, 60, 75, 80, 100))

SPLITS: NDArray[np.float64] = np.sort(
    np.array([*_FORWARD, *_WHOLE, *(1.0 / s for s in (3 / 2, 5 / 4, 4 / 3, 5 / 2, *_WHOLE))])
)
"""New shares per old share of every split that is recognised (forward ≥ 1.2, reverse ≤ 0.8)."""

_LOW, _HIGH = 0.9995, 1.05
assert all(b / a > 1.0 for a, b in pairwise(SPLITS))


def corporate_actions(
    ratio: NDArray[np.float64], previous_close: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Read splits and dividends out of adjustment ratios.

    Parameters
    ----------
    ratio : (M,) float64
        `adj_factor` of each bar over that of the symbol's bar before; 1 on a symbol's first bar. No NaN.
    previous_close : (M,) float64, raw USD
        Raw close of the symbol's bar before; ignored where the ratio is 1.

    Returns
    -------
    growth : (M,) float64
        The ratio, snapped to 1 below `SNAP` and else rounded; `factor` is its running product.
    split : (M,) float64
        New shares per old share, 1 if none.
    dividend : (M,) float64, raw USD
        Cash per share held before the split, 0 if none.
    """
    growth, split, dividend = np.ones_like(ratio), np.ones_like(ratio), np.zeros_like(ratio)
    event = np.flatnonzero(np.abs(ratio - 1.0) >= SNAP)
    if event.size == 0:
        return growth, split, dividend
    r = ratio[event]
    rest = r[:, None] / SPLITS
    distance = np.where((rest >= _LOW) & (rest <= _HIGH), np.abs(rest - 1.0), np.inf)
    nearest = np.argmin(distance, axis=1)
    is_split = np.isfinite(distance[np.arange(r.size), nearest])
    s = np.where(is_split, SPLITS[nearest], 1.0)
    q = r / s
    q = np.where(np.abs(q - 1.0) < SNAP, 1.0, np.rint(q * RATIO_GRID) / RATIO_GRID)
    growth[event] = s * q
    split[event] = s
    dividend[event] = np.maximum(previous_close[event] * (1.0 - 1.0 / q), 0.0)
    return growth, split, dividend
