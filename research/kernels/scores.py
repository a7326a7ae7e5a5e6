"""Scores: adaptive momentum, trend, momentum and risk scores, and the ranked window below them.

`rank_nb` carries its window in sorted order; a sorted window is a function of its values alone,
so this is a window kernel still: any history gives the same state and the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["adaptive_nb", "momentum_score_nb", "rank_nb", "trend_score_nb"]

_BARS_PER_YEAR = 252.0


@njit
def count_below_nb(ordered: Array, size: int, x: float, equal: bool) -> int:
    """Count the values of an ascending list that are below `x`, or not above it if `equal`."""
    low = 0
    high = size
    while low < high:
        middle = (low + high) >> 1
        if ordered[middle] < x or (equal and ordered[middle] == x):
            low = middle + 1
        else:
            high = middle
    return low


@njit
def rank_nb(
    x: Array, n: int, begin: np.uint64, stop: np.uint64, state: Array, median: Array, share: Array
) -> None:
    """Median of the last n values, and the percentage of them that are not above the newest.

    Parameters
    ----------
    x : (T,) float64
        NaN during its warm-up. A later NaN empties the window.
    n : int
        Window, the newest value included.
    begin, stop : uint64
        Rows to fill.
    state : (2 + 2n,) float64, changed in place
        Values held, place of the oldest, the values in order of time, the values in order of size.
    median : (T,) float64, changed in place
        NaN until n values are held.
    share : (T,) float64, changed in place
        100·#(≤ x)/n; above 0, up to 100. NaN until n values are held.
    """
    held = int(state[0])
    oldest = int(state[1])
    ring = state[2 : 2 + n]
    ordered = state[2 + n : 2 + 2 * n]
    for i in range(begin, stop):
        median[i] = np.nan
        share[i] = np.nan
        new = x[i]
        if math.isnan(new):
            held = 0
            oldest = 0
            continue
        # Close the gap that the oldest leaves and open one for the newest: one shift between the two.
        if held == n:
            gap = count_below_nb(ordered, n, ring[oldest], False)
            place = count_below_nb(ordered, n, new, True)
            if place > gap:
                place -= 1
                for k in range(gap, place):
                    ordered[k] = ordered[k + 1]
            else:
                for k in range(gap, place, -1):
                    ordered[k] = ordered[k - 1]
            ring[oldest] = new
            oldest = oldest + 1 if oldest + 1 < n else 0
        else:
            place = count_below_nb(ordered, held, new, True)
            for k in range(held, place, -1):
                ordered[k] = ordered[k - 1]
            ring[held] = new
            held += 1
        ordered[place] = new
        if held == n:
            median[i] = 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])
            share[i] = 100.0 * (place + 1) / n
    state[0] = held
    state[1] = oldest


@njit
def adaptive_nb(
    ln_close: Array,
    vol: Array,
    usual: Array,
    base: int,
    shortest: int,
    longest: int,
    begin: np.uint64,
    stop: np.uint64,
    out: Array,
) -> None:
    """Momentum over a lookback that shortens when volatility rises, in units of its own deviation.

    L = clip(rint(base·usual/vol), shortest, longest); (ln c − ln c[L])/(σ·√L), σ per bar.

    Parameters
    ----------
    ln_close : (T,) float64
    vol, usual : (T,) float64
        Volatility per year, and its trailing median.
    base, shortest, longest : int
        Lookback at usual volatility, and its bounds; begin ≥ longest wherever `usual` is not NaN.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        NaN where the price stands still (vol is 0).
    """
    per_bar = 1.0 / math.sqrt(_BARS_PER_YEAR)
    for i in range(begin, stop):
        out[i] = np.nan
        if vol[i] > 0.0 and usual[i] >= 0.0:
            length = np.rint(min(base * (usual[i] / vol[i]), float(longest)))
            bars = max(int(length), shortest)
            j = np.int64(i) - bars
            out[i] = (ln_close[i] - ln_close[j]) / (vol[i] * per_bar * math.sqrt(bars))


@njit
def trend_score_nb(
    close: Array,
    fast: Array,
    slow: Array,
    slope: Array,
    position: Array,
    adx: Array,
    begin: np.uint64,
    stop: np.uint64,
    out: Array,
) -> None:
    """Trend score: 25·[c>fast] + 25·[fast>slow] + 20·[slope>0] + 15·position + 15·clip(ADX/50, 0, 1).

    Parameters
    ----------
    close, fast, slow, slope, position, adx : (T,) float64
        Close, SMA 50, SMA 200, slope of ln c, place in the Donchian channel, ADX.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        0 to 100. NaN while a part is NaN, so also where the channel has no height.
    """
    for i in range(begin, stop):
        score = 15.0 * position[i] + 15.0 * min(max(adx[i] / 50.0, 0.0), 1.0)
        score += 25.0 if close[i] > fast[i] else 0.0
        score += 25.0 if fast[i] > slow[i] else 0.0
        score += 20.0 if slope[i] > 0.0 else 0.0
        known = fast[i] == fast[i] and slow[i] == slow[i] and slope[i] == slope[i] and adx[i] == adx[i]
        out[i] = score if known else np.nan


@njit
def momentum_score_nb(
    short: Array, middle: Array, long: Array, vol: Array, begin: np.uint64, stop: np.uint64, out: Array
) -> None:
    """Momentum score, ±100: 100·tanh of the mean of three returns, each over its own deviation.

    Parameters
    ----------
    short, middle, long : (T,) float64
        ret_21, ret_63, ret_126.
    vol : (T,) float64
        vol_21, per year; σ per bar = vol/√252.
    begin, stop : uint64
        Rows to fill.
    out : (T,) float64, changed in place
        NaN where the price stands still (vol is 0).
    """
    a = 1.0 / math.sqrt(21.0)
    b = 1.0 / math.sqrt(63.0)
    c = 1.0 / math.sqrt(126.0)
    scale = math.sqrt(_BARS_PER_YEAR) / 3.0
    for i in range(begin, stop):
        drift = a * short[i] + b * middle[i] + c * long[i]
        out[i] = 100.0 * math.tanh(scale * drift / vol[i]) if vol[i] > 0.0 else np.nan
