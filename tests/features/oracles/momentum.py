"""Momentum family. TA-Lib computes what it has; undefined quotients are NaN, where TA-Lib writes 0."""

from __future__ import annotations

import math

import numpy as np
import talib
from talib import MA_Type

from tests.features.oracles.windows import (
    Bars,
    Formula,
    Matrix,
    Series,
    highest,
    lag,
    lowest,
    ratio,
    table,
    total,
    trailing,
    typical,
)


def wilder(x: Series, n: int) -> Series:
    """Wilder's average: the mean of x[1..n], then (n−1)/n of the last and 1/n of the new. Wilder 1978."""
    out = np.full(len(x), np.nan)
    average = out[n] = math.fsum(x[1 : n + 1]) / n
    for t in range(n + 1, len(x)):
        average = out[t] = ((n - 1) * average + x[t]) / n
    return out


def rsi(n: int) -> Formula:
    """Wilder's RSI, 100·G/(G+L); undefined while the price has never moved.

    Not TA-Lib's: it writes 0 once both averages are below 1e-14, which RSI 2 is after 45 flat bars.
    """

    def formula(bars: Bars) -> Series:
        change = np.diff(bars.close, prepend=np.nan)
        gain, loss = wilder(np.maximum(change, 0), n), wilder(np.maximum(-change, 0), n)
        return np.asarray(ratio(100 * gain, gain + loss))

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
    """Lambert's channel index, mean absolute deviation around the window's own mean."""

    def formula(bars: Bars) -> Series:
        price = typical(bars)
        flat = trailing(price, n, lambda w: w.max(axis=1) == w.min(axis=1))
        return np.where(flat == 1, np.nan, talib.CCI(bars.high, bars.low, bars.close, n))

    return formula


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


def di_diff(bars: Bars) -> Series:
    """+DI 14 − −DI 14."""
    hlc = bars.high, bars.low, bars.close
    return np.asarray(talib.PLUS_DI(*hlc, 14) - talib.MINUS_DI(*hlc, 14))


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
        "adx_14": lambda bars: talib.ADX(bars.high, bars.low, bars.close, 14),
        "di_diff_14": di_diff,
        "trix_15": lambda bars: talib.TRIX(bars.close, 15),
        "er_10": efficiency(10),
    }
)
