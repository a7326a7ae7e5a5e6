"""Exponential averages: distance to the EMA, MACD, TRIX, EWMA volatility.

All four are *recursive* kernels in the convention of `research.kernels.recursive`:
bars of one symbol and the carried `state` come in, rows `start` and later of the
outputs are filled, and the state is left ready for the next bar.

An EMA of span n has weight α = 2/(n+1) and starts as the plain mean of its first n
values, as in TA-Lib. It is written (1−α)·ema + α·x: the product α·x does not wait for
the previous bar, so a bar costs one multiplication and one addition of latency.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit
from research.kernels.merges import U

__all__ = ["blank_nb", "dist_ema_nb", "ewma_vol_nb", "macd_nb", "trix_nb"]

Array = NDArray[np.float64]

DAYS_PER_YEAR = 252.0


@njit
def blank_nb(out: Array, start: int, seen: int, warmup: int) -> None:
    """Write NaN over the rows from `start` that are among a symbol's first `warmup` bars.

    Parameters
    ----------
    out : (T,) float64, changed in place
    start : int
        First row that belongs to this call.
    seen : int
        Bars of the symbol before row `start`.
    warmup : int
        Bars of the symbol that have no value.
    """
    for t in range(start, min(out.size, start + warmup - seen)):
        out[t] = np.nan


@njit
def dist_ema_nb(close: Array, n: int, warmup: int, start: int, state: Array, out: Array) -> None:
    """Distance of the close to its EMA, close/EMA − 1.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    n : int
        Span, α = 2/(n+1).
    warmup : int
        Bars without a value; n − 1 shows the value from the seed on.
    start : int
        First row to fill.
    state : (2,) float64, changed in place
        Bars seen; the EMA (the sum of closes while bars seen < n).
    out : (T,) float64, changed in place
        Fraction of the price.
    """
    seen = int(state[0])
    ema = state[1]
    alpha = 2.0 / (n + 1.0)
    keep = 1.0 - alpha
    t = start
    i = seen
    while t < close.size and i < n:
        ema += close[t]
        if i == n - 1:
            ema /= n
            out[t] = close[t] / ema - 1.0
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        ema = keep * ema + alpha * close[u]
        out[u] = close[u] / ema - 1.0
    blank_nb(out, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = ema


@njit
def macd_nb(
    close: Array,
    fast: int,
    slow: int,
    signal: int,
    warmup: int,
    start: int,
    state: Array,
    line: Array,
    trigger: Array,
    hist: Array,
) -> None:
    """MACD line, signal line and histogram in one pass, each as a fraction of the close.

    The line is EMA(fast) − EMA(slow), the signal line the EMA of the line, the histogram
    their difference; all three are in price units until the division by the same bar's
    close. Seeds as in TA-Lib: both averages start on bar `slow`, the fast one as the mean
    of the last `fast` closes; the signal line starts as the mean of the first `signal`
    values of the line.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    fast, slow, signal : int
        Spans, fast < slow.
    warmup : int
        Bars without a value; slow + signal − 2 shows the values from the seed on.
    start : int
        First row to fill.
    state : (4,) float64, changed in place
        Bars seen; EMA(fast), EMA(slow), EMA of the line (sums while they are being seeded).
    line, trigger, hist : (T,) float64, changed in place
        Fractions of the price.

    References
    ----------
    G. Appel, *The Moving Average Convergence-Divergence Trading Method*, 1985.
    """
    seen = int(state[0])
    quick = state[1]
    slack = state[2]
    mean = state[3]
    a_quick = 2.0 / (fast + 1.0)
    a_slack = 2.0 / (slow + 1.0)
    a_mean = 2.0 / (signal + 1.0)
    k_quick = 1.0 - a_quick
    k_slack = 1.0 - a_slack
    k_mean = 1.0 - a_mean
    t = start
    i = seen
    while t < close.size and i < slow + signal - 1:
        c = close[t]
        if i < slow:
            slack += c
            if i >= slow - fast:
                quick += c
            if i == slow - 1:
                slack /= slow
                quick /= fast
        else:
            quick = k_quick * quick + a_quick * c
            slack = k_slack * slack + a_slack * c
        if i >= slow - 1:
            mean += quick - slack
        if i == slow + signal - 2:
            mean /= signal
            per_price = 1.0 / c
            line[t] = (quick - slack) * per_price
            trigger[t] = mean * per_price
            hist[t] = (quick - slack - mean) * per_price
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        c = close[u]
        quick = k_quick * quick + a_quick * c
        slack = k_slack * slack + a_slack * c
        gap = quick - slack
        mean = k_mean * mean + a_mean * gap
        # One division in place of three: they would cost more than the averages.
        per_price = 1.0 / c
        line[u] = gap * per_price
        trigger[u] = mean * per_price
        hist[u] = (gap - mean) * per_price
    blank_nb(line, start, seen, warmup)
    blank_nb(trigger, start, seen, warmup)
    blank_nb(hist, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = quick
    state[2] = slack
    state[3] = mean


@njit
def trix_nb(close: Array, n: int, warmup: int, start: int, state: Array, out: Array) -> None:
    """TRIX: one-bar rate of change of the triple EMA, in percent (as TA-Lib's TRIX).

    Each EMA starts as the mean of the first n values of the one before it.

    Parameters
    ----------
    close : (T,) float64, adjusted price
    n : int
        Span of all three averages.
    warmup : int
        Bars without a value; 3n − 2 shows the value from the seed on.
    start : int
        First row to fill.
    state : (4,) float64, changed in place
        Bars seen; the first, second and third EMA (sums while they are being seeded).
    out : (T,) float64, changed in place
        Percent per bar.

    References
    ----------
    J. Hutson, "Good TRIX", *Stocks & Commodities*, July 1983.
    """
    seen = int(state[0])
    one = state[1]
    two = state[2]
    three = state[3]
    alpha = 2.0 / (n + 1.0)
    keep = 1.0 - alpha
    t = start
    i = seen
    while t < close.size and i < 3 * n - 2:
        if i < n:
            one += close[t]
            if i == n - 1:
                one /= n
        else:
            one = keep * one + alpha * close[t]
        if i >= 2 * n - 1:
            two = keep * two + alpha * one
        elif i >= n - 1:
            two += one
            if i == 2 * n - 2:
                two /= n
        if i >= 2 * n - 2:
            three += two
            if i == 3 * n - 3:
                three /= n
        t += 1
        i += 1
    for u in range(U(t), U(close.size)):
        one = keep * one + alpha * close[u]
        two = keep * two + alpha * one
        before = three
        three = keep * three + alpha * two
        out[u] = 100.0 * (three - before) / before
    blank_nb(out, start, seen, warmup)
    state[0] = seen + close.size - start
    state[1] = one
    state[2] = two
    state[3] = three


@njit
def ewma_vol_nb(r: Array, n: int, warmup: int, start: int, state: Array, out: Array) -> None:
    """RiskMetrics volatility: root of the exponentially weighted mean square, a year's worth.

    variance = λ·variance + (1−λ)·r², λ = 1 − 2/(n+1), the mean return taken as zero;
    out = √(252·variance). It starts as the mean of the first n squares.

    Parameters
    ----------
    r : (T,) float64
        Log return to the bar from the one before. That of a symbol's first bar does not
        exist and is not read.
    n : int
        Span.
    warmup : int
        Bars without a value; n shows the value from the seed on.
    start : int
        First row to fill.
    state : (2,) float64, changed in place
        Bars seen; the variance (the sum of squares while bars seen ≤ n).
    out : (T,) float64, changed in place
        Volatility per √year. 0 where the price has never moved.

    References
    ----------
    J.P. Morgan/Reuters, *RiskMetrics Technical Document*, 4th ed., 1996, eq. 5.3; span 60
    in place of its λ = 0.94 (span 32⅓).
    """
    seen = int(state[0])
    variance = state[1]
    alpha = 2.0 / (n + 1.0)
    keep = 1.0 - alpha
    t = start
    i = seen
    while t < r.size and i <= n:
        if i > 0:
            variance += r[t] * r[t]
        if i == n:
            variance /= n
            out[t] = math.sqrt(DAYS_PER_YEAR * variance)
        t += 1
        i += 1
    for u in range(U(t), U(r.size)):
        variance = keep * variance + alpha * (r[u] * r[u])
        out[u] = math.sqrt(DAYS_PER_YEAR * variance)
    blank_nb(out, start, seen, warmup)
    state[0] = seen + r.size - start
    state[1] = variance
