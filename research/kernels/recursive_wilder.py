"""Wilder's averages: RSI, ATR as a fraction of the price, ADX with the DI difference.

All three are *recursive* kernels in the convention of `research.kernels.recursive`:
bars of one symbol and the carried `state` come in, rows `start` and later of the
outputs are filled, and the state is left ready for the next bar.

Wilder's average of n has weight 1/n and starts as the plain mean of its first n values
(J. W. Wilder, *New Concepts in Technical Trading Systems*, 1978). Gains, true range and
directional movement need the bar before, so a symbol's first bar contributes none and
the first n values are those of bars 1 to n, counted from 0 (as in TA-Lib).

What is carried is n times the average, as on Wilder's worksheets: total ← total − total/n + x,
starting as a plain sum. It spares a multiplication per value, and ratios do not need the mean.

Wilder's averages only shrink while a price stands still and would keep the ratio of two
vanished numbers for ever. Here an average move below `FLAT` of the price is no move:
RSI is then 50, ADX's directional index and the DI difference are 0. A 14-bar average
falls that low after about 250 bars without a move, a 2-bar one after 27.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit
from research.kernels.merges import U
from research.kernels.recursive_ma import blank_nb

__all__ = ["FLAT", "adx_nb", "atr_pct_nb", "rsi_nb"]

Array = NDArray[np.float64]

FLAT = 1e-10


@njit
def rsi_nb(close: Array, n: int, warmup: int, start: int, state: Array, out: Array) -> None:
    """Wilder's relative strength index, 100·(mean gain)/(mean gain + mean loss).

    Parameters
    ----------
    close : (T,) float64, adjusted price
        Row start − 1 is read if the symbol has earlier bars.
    n : int
        Wilder's average, weight 1/n.
    warmup : int
        Bars without a value; n shows the value from the seed on.
    start : int
        First row to fill.
    state : (3,) float64, changed in place
        Bars seen; n times the mean gain and the mean absolute move.
    out : (T,) float64, changed in place
        0 to 100; 50 where the price stands still.
    """
    seen = int(state[0])
    gain = state[1]
    move = state[2]
    keep = 1.0 - 1.0 / n
    flat = FLAT * n
    t = start
    i = seen
    while t < close.size and i <= n:
        if i > 0:
            d = close[t] - close[t - 1]
            gain += max(d, 0.0)
            move += abs(d)
        if i == n:
            out[t] = 100.0 * (gain / move) if move > flat * close[t] else 50.0
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        d = close[u] - close[u - U(1)]
        # Half of d + |d| is d or 0, to the bit, and no branch whose side nobody can guess.
        gain = keep * gain + 0.5 * (d + abs(d))
        move = keep * move + abs(d)
        out[u] = 100.0 * (gain / move) if move > flat * close[u] else 50.0
    blank_nb(out, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = gain
    state[2] = move


@njit
def true_range_nb(high: Array, low: Array, close: Array, t: int) -> float:
    """Wilder's true range of row t ≥ 1: the bar's range, stretched to the close before it."""
    now = U(t)
    top, bottom, before = high[now], low[now], close[now - U(1)]
    # Bars hold no NaN: `max` and `min`, which look for it first, are branches.
    return float((top if top > before else before) - (bottom if bottom < before else before))


@njit
def atr_pct_nb(
    high: Array, low: Array, close: Array, n: int, warmup: int, start: int, state: Array, out: Array
) -> None:
    """Wilder's average true range as a fraction of the close.

    Parameters
    ----------
    high, low, close : (T,) float64, adjusted price
        Row start − 1 of the close is read if the symbol has earlier bars.
    n : int
        Wilder's average, weight 1/n.
    warmup : int
        Bars without a value; n shows the value from the seed on.
    start : int
        First row to fill.
    state : (2,) float64, changed in place
        Bars seen; n times the average true range.
    out : (T,) float64, changed in place
        Fraction of the price.
    """
    seen = int(state[0])
    span = state[1]
    keep = 1.0 - 1.0 / n
    t = start
    i = seen
    while t < close.size and i <= n:
        if i > 0:
            span += true_range_nb(high, low, close, t)
        if i == n:
            out[t] = span / (n * close[t])
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        span = keep * span + true_range_nb(high, low, close, u)
        out[u] = span / (n * close[u])
    blank_nb(out, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = span


@njit
def directional_nb(high: Array, low: Array, t: int) -> tuple[float, float]:
    """Wilder's directional movement of row t ≥ 1, up and down; at most one is above 0."""
    now = U(t)
    up = high[now] - high[now - U(1)]
    down = low[now - U(1)] - low[now]
    return (up if up > 0.0 and up > down else 0.0), (down if down > 0.0 and down > up else 0.0)


@njit
def adx_nb(
    high: Array,
    low: Array,
    close: Array,
    n: int,
    warmup: int,
    start: int,
    state: Array,
    adx: Array,
    di_diff: Array,
) -> None:
    """Wilder's average directional index and the DI difference, in one pass.

    ±DI = 100·(mean directional movement)/(mean true range), DX = 100·|+DI − −DI|/(+DI + −DI),
    ADX is Wilder's average of DX over the same n, starting as the mean of its first n values.
    The DIs start as means over bars 1 to n, as on Wilder's worksheet; TA-Lib starts them one
    bar earlier, a difference that the warm-up outlasts.

    Parameters
    ----------
    high, low, close : (T,) float64, adjusted price
        Row start − 1 is read if the symbol has earlier bars.
    n : int
        Wilder's average, weight 1/n.
    warmup : int
        Bars without a value; 2n − 1 shows the values from the seed of ADX on.
    start : int
        First row to fill.
    state : (5,) float64, changed in place
        Bars seen; n times the mean true range, up and down movement; ADX (the sum of DX
        while bars seen < 2n).
    adx : (T,) float64, changed in place
        0 to 100.
    di_diff : (T,) float64, changed in place
        +DI − −DI, −100 to 100; 0 where the price stands still.
    """
    seen = int(state[0])
    span = state[1]
    up = state[2]
    down = state[3]
    mean = state[4]
    weight = 1.0 / n
    keep = 1.0 - weight
    t = start
    i = seen
    while t < close.size and i < 2 * n:
        flat = FLAT * n * close[t]
        if i > 0:
            rise, fall = directional_nb(high, low, t)
            # Up to bar n the sums only grow; then they forget.
            held = 1.0 if i <= n else keep
            span = held * span + true_range_nb(high, low, close, t)
            up = held * up + rise
            down = held * down + fall
        if i >= n and up + down > flat:
            mean += 100.0 * (abs(up - down) / (up + down))
        if i == 2 * n - 1:
            mean /= n
            adx[t] = mean
            di_diff[t] = 100.0 * (up - down) / span if span > flat else 0.0
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        rise, fall = directional_nb(high, low, u)
        span = keep * span + true_range_nb(high, low, close, u)
        up = keep * up + rise
        down = keep * down + fall
        flat = FLAT * n * close[u]
        dx = 100.0 * (abs(up - down) / (up + down)) if up + down > flat else 0.0
        mean = keep * mean + weight * dx
        adx[u] = mean
        di_diff[u] = 100.0 * (up - down) / span if span > flat else 0.0
    blank_nb(adx, start, seen, warmup)
    blank_nb(di_diff, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = span
    state[2] = up
    state[3] = down
    state[4] = mean
