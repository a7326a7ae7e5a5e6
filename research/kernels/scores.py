"""Scores: adaptive momentum, trend, momentum and risk scores, and the ranked window below them.

`rank_nb` carries its window in sorted order; a sorted window is a function of its values alone,
so this is a window kernel still: any history gives the same state and the same bits.
"""

from __future__ import annotations

import math

import numpy as np

from research.kernels.codes import CLOSE, LN_CLOSE
from research.kernels.jit import inlined
from research.kernels.windows import Array, U

__all__ = ["adaptive_nb", "momentum_score_nb", "rank_nb", "trend_score_nb"]

_BARS_PER_YEAR = 252.0


@inlined
def walk_nb(ordered: Array, low: np.uint64, size: np.uint64, hint: np.uint64, x: float) -> np.uint64:
    """Count the values of an ascending list that are not above `x`, walking from a guess.

    A volatility is near yesterday's, so its place is a few steps from yesterday's: less than the wrong
    guesses of the processor that halving the list would cost.

    Parameters
    ----------
    ordered : (T,) float64
        Ascending in low..low + size − 1.
    low, size : uint64
        The list.
    hint : uint64
        Where to begin, 0 to size. The result does not depend on it.
    x : float
        Not NaN.

    Returns
    -------
    uint64
        0 to size.
    """
    one = U(1)
    place = low + hint
    while place < low + size and ordered[place] <= x:
        place = place + one
    while place > low and ordered[place - one] > x:
        place = place - one
    return place - low


@inlined
def rank_nb(
    rows: Array, x: int, n: int, begin: np.uint64, stop: np.uint64, state: Array, median: int, share: int
) -> None:
    """Median of the last n values, and the percentage of them that are not above the newest.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    x : int
        Row of values; NaN during its warm-up. A later NaN empties the window.
    n : int
        Window, the newest value included.
    begin, stop : uint64
        Bars to fill.
    state : (2 + 2n,) float64, changed in place
        Values held, place of the oldest, the values in order of time, the values in order of size.
    median : int
        Row of the median; NaN until n values are held.
    share : int
        Row of 100·#(≤ x)/n, above 0 and up to 100; NaN until n values are held.
    """
    one = U(1)
    ring = U(2)  # offset of the values in order of time
    low = U(2 + n)  # offset of the values in order of size
    size = U(n)
    held = U(state[0])
    oldest = U(state[1])
    lower = low + U((n - 1) // 2)
    upper = low + U(n // 2)
    place = size >> one
    gap = place
    for i in range(begin, stop):
        rows[median, i] = np.nan
        rows[share, i] = np.nan
        new = rows[x, i]
        if math.isnan(new):
            held = U(0)
            oldest = U(0)
            continue
        place = walk_nb(state, low, held, min(place, held), new)
        if held == size:
            # Close the gap that the oldest leaves and open one for the newest: one shift between the two.
            # Of equal values it does not matter which one goes.
            gap = walk_nb(state, low, held, gap, state[ring + oldest]) - one
            if place > gap:
                place = place - one
                for k in range(low + gap, low + place):
                    state[k] = state[k + one]
            else:
                for j in range(gap - place):
                    state[low + gap - j] = state[low + gap - one - j]
            state[ring + oldest] = new
            oldest = oldest + one if oldest + one < size else U(0)
        else:
            for j in range(held - place):
                state[low + held - j] = state[low + held - one - j]
            state[ring + held] = new
            held = held + one
        state[low + place] = new
        if held == size:
            rows[median, i] = 0.5 * (state[lower] + state[upper])
            rows[share, i] = 100.0 * float(place + one) / n
    state[0] = float(held)
    state[1] = float(oldest)


@inlined
def adaptive_nb(
    x: Array,
    rows: Array,
    vol: int,
    usual: int,
    base: int,
    shortest: int,
    longest: int,
    lanes: np.uint64,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Momentum over a lookback that shortens when volatility rises, in units of its own deviation.

    L = clip(rint(base·usual/vol), shortest, longest); (ln c − ln c[L])/(σ·√L), σ per bar.

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    vol, usual : int
        Rows of the volatility per year and of its trailing median.
    base, shortest, longest : int
        Lookback at usual volatility, and its bounds; the bars are there wherever `usual` is not NaN.
    lanes : uint64
        Places from a bar to the next.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the momentum; NaN where the price stands still (vol is 0).
    """
    per_bar = 1.0 / math.sqrt(_BARS_PER_YEAR)
    for i in range(begin, stop):
        rows[out, i] = np.nan
        sigma = rows[vol, i]
        if sigma > 0.0 and rows[usual, i] >= 0.0:
            length = max(np.rint(min(base * (rows[usual, i] / sigma), float(longest))), float(shortest))
            moved = x[LN_CLOSE, i] - x[LN_CLOSE, i - U(length) * lanes]
            rows[out, i] = moved / (sigma * per_bar * math.sqrt(length))


@inlined
def trend_score_nb(
    x: Array,
    rows: Array,
    fast: int,
    slow: int,
    slope: int,
    position: int,
    adx: int,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Trend score: 25·[c>fast] + 25·[fast>slow] + 20·[slope>0] + 15·position + 15·clip(ADX/50, 0, 1).

    Parameters
    ----------
    x : (N_COLUMNS, T) float64
    rows : (R, T) float64, changed in place
    fast, slow, slope, position, adx : int
        Rows of SMA 50, SMA 200, slope of ln c, place in the Donchian channel, ADX.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the score, 0 to 100; NaN while a part is NaN, so also where the channel has no height.
    """
    for i in range(begin, stop):
        rows[out, i] = 25.0 if x[CLOSE, i] > rows[fast, i] else 0.0
    for i in range(begin, stop):
        rows[out, i] += 25.0 if rows[fast, i] > rows[slow, i] else 0.0
    for i in range(begin, stop):
        rows[out, i] += 20.0 if rows[slope, i] > 0.0 else 0.0
    for i in range(begin, stop):
        strength = min(max(rows[adx, i] / 50.0, 0.0), 1.0)
        # A comparison with NaN is false; the zero brings the NaN of the longest window back.
        rows[out, i] += 15.0 * rows[position, i] + 15.0 * strength + 0.0 * rows[slow, i]


@inlined
def momentum_score_nb(
    rows: Array,
    short: int,
    middle: int,
    long: int,
    vol: int,
    begin: np.uint64,
    stop: np.uint64,
    out: int,
) -> None:
    """Momentum score, ±100: 100·tanh of the mean of three returns, each over its own deviation.

    Parameters
    ----------
    rows : (R, T) float64, changed in place
    short, middle, long : int
        Rows of ret_21, ret_63, ret_126.
    vol : int
        Row of vol_21, per year; σ per bar = vol/√252.
    begin, stop : uint64
        Bars to fill.
    out : int
        Row of the score; NaN where the price stands still (vol is 0).
    """
    a = 1.0 / math.sqrt(21.0)
    b = 1.0 / math.sqrt(63.0)
    c = 1.0 / math.sqrt(126.0)
    scale = math.sqrt(_BARS_PER_YEAR) / 3.0
    for i in range(begin, stop):
        drift = a * rows[short, i] + b * rows[middle, i] + c * rows[long, i]
        rows[out, i] = 100.0 * math.tanh(scale * drift / rows[vol, i]) if rows[vol, i] > 0.0 else np.nan
