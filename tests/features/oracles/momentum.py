"""Momentum family. TA-Lib computes what it has; undefined quotients are NaN, where TA-Lib writes 0."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import talib
from numpy.typing import NDArray
from talib import MA_Type

from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    deviations,
    highest,
    lag,
    lowest,
    ratio,
    table,
    total,
    trailing,
    typical,
)

STILL = 1e-10
"""Wilder's averages never reach 0: below this fraction of the price, an average move is none."""


def wilder(x: Series, n: int, first: int = 1) -> Series:
    """Wilder's average: the mean of n values from `first` on, then (n−1)/n of the last and 1/n of the new."""
    out = np.full(len(x), np.nan)
    if len(x) < first + n:
        return out
    average = out[first + n - 1] = math.fsum(x[first : first + n]) / n
    for t in range(first + n, len(x)):
        average = out[t] = ((n - 1) * average + x[t]) / n
    return out


def still(average_move: Series, close: Series) -> NDArray[np.bool_]:
    """True where the price stands still."""
    return average_move < STILL * close


def rsi(n: int) -> Formula:
    """Wilder's RSI, 100·G/(G+L), Wilder 1978; 50, neither way, where the price stands still.

    TA-Lib's, but for standing still: it writes 0 once both averages are below 1e-14.
    """

    def formula(bars: Bars) -> Series:
        change = np.diff(bars.close, prepend=np.nan)
        gain, loss = wilder(np.maximum(change, 0), n), wilder(np.maximum(-change, 0), n)
        return np.where(still(gain + loss, bars.close), 50.0, ratio(100 * gain, gain + loss))

    return formula


def macd(column: int) -> Formula:
    """Line, signal or histogram (0, 1, 2) of MACD 12, 26, 9, each ÷ the close."""
    return lambda bars: talib.MACD(bars.close, 12, 26, 9)[column] / bars.close


def channel_is_flat(bars: Bars, n: int) -> Series:
    """1.0 where the n-bar channel has no height."""
    return (highest(bars.high, n) == lowest(bars.low, n)) * 1.0


def stochastic(column: int, n: int = 14, smooth: int = 3, signal: int = 3) -> Formula:
    """Slow %K or %D (0, 1), simple averages; undefined when a channel it averages is flat."""
    signal = 1 if column == 0 else signal  # TA-Lib holds %K back until there is a %D

    def formula(bars: Bars) -> Series:
        value = talib.STOCH(bars.high, bars.low, bars.close, n, smooth, MA_Type.SMA, signal, MA_Type.SMA)[
            column
        ]
        return np.where(highest(channel_is_flat(bars, n), smooth + signal - 1) > 0, np.nan, value)

    return formula


def williams_r(n: int) -> Formula:
    """Williams %R, −100 to 0."""

    def formula(bars: Bars) -> Series:
        value = talib.WILLR(bars.high, bars.low, bars.close, n)
        return np.where(channel_is_flat(bars, n) > 0, np.nan, value)

    return formula


def cci(n: int) -> Formula:
    """Lambert's channel index, (p − mean)/(0.015·mean|p − mean|); undefined on a flat window. Lambert 1980.

    TA-Lib's, without the rounding of its mean: where the price hardly moves, that is all there is.
    """

    def index(w: Matrix) -> Matrix:
        d = deviations(w)
        return np.asarray(ratio(d[:, -1], 0.015 * np.abs(d).mean(axis=1)))

    return lambda bars: trailing(typical(bars), n, index)


def cmo(n: int) -> Formula:
    """Chande's oscillator in its sum form (TA-Lib smooths it as Wilder would)."""

    def formula(bars: Bars) -> Series:
        change = np.diff(bars.close, prepend=np.nan)
        return np.asarray(ratio(100 * total(change, n), total(np.abs(change), n)))

    return formula


def mfi(n: int) -> Formula:
    """Money flow index; a typical price that does not move counts for neither side."""

    def formula(bars: Bars) -> Series:
        price = typical(bars)
        flow = np.sign(price - lag(price, 1)) * price * bars.volume
        rise = total(np.where(flow < 0, 0, flow), n)
        fall = total(np.where(flow > 0, 0, -flow), n)
        return np.asarray(ratio(100 * rise, rise + fall))

    return formula


def efficiency(n: int) -> Formula:
    """Kaufman's ratio: net change over the path walked."""

    def formula(bars: Bars) -> Series:
        path = total(np.abs(np.diff(bars.close, prepend=np.nan)), n)
        return np.asarray(ratio(np.abs(bars.close - lag(bars.close, n)), path))

    return formula


def aroon(n: int) -> Formula:
    """Aroon oscillator on n + 1 bars, ties to the latest: 100·(since low − since high)/n."""

    def since(w: Matrix) -> Matrix:
        return np.asarray(np.argmax(w[:, ::-1], axis=1))

    def formula(bars: Bars) -> Series:
        high, low = trailing(bars.high, n + 1, since), trailing(-bars.low, n + 1, since)
        return 100 * (low - high) / n

    return formula


def directional(n: int) -> Callable[[Bars], tuple[Series, Series]]:
    """+DI − −DI and DX of Wilder's averages over n; both 0 where the price stands still.

    TA-Lib's but for that, and for its first sums of n − 1 moves, long forgotten where we look.
    """

    def formula(bars: Bars) -> tuple[Series, Series]:
        high, low, close = bars.high, bars.low, bars.close
        up, down = np.diff(high, prepend=np.nan), -np.diff(low, prepend=np.nan)
        before = lag(close, 1)
        true_range = np.maximum(high, before) - np.minimum(low, before)
        plus = wilder(np.where((up > down) & (up > 0), up, 0.0), n)
        minus = wilder(np.where((down > up) & (down > 0), down, 0.0), n)
        average = wilder(true_range, n)
        di = np.where(still(average, close), 0.0, ratio(100 * (plus - minus), average))
        both = plus + minus
        dx = np.where(still(both, close), 0.0, ratio(100 * np.abs(plus - minus), both))
        return np.where(np.isnan(average), np.nan, di), np.where(np.isnan(average), np.nan, dx)

    return formula


def di_diff(n: int) -> Formula:
    """+DI − −DI."""
    return lambda bars: directional(n)(bars)[0]


def adx(n: int) -> Formula:
    """Wilder's average of DX, the first one the mean of n."""
    return lambda bars: wilder(directional(n)(bars)[1], n, first=n)


ORACLES = table(
    {
        "rsi_2": rsi(2),
        "rsi_14": rsi(14),
        "macd_line": macd(0),
        "macd_signal": macd(1),
        "macd_hist": macd(2),
        "stoch_k": stochastic(0),
        "stoch_d": stochastic(1),
        "willr_14": williams_r(14),
        "roc_10": lambda bars: talib.ROC(bars.close, 10),
        "roc_20": lambda bars: talib.ROC(bars.close, 20),
        "cci_20": cci(20),
        "cmo_14": cmo(14),
        "mfi_14": mfi(14),
        "aroonosc_14": aroon(14),
        "adx_14": adx(14),
        "di_diff_14": di_diff(14),
        "trix_15": lambda bars: talib.TRIX(bars.close, 15),
        "er_10": efficiency(10),
    }
)
