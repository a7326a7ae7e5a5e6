"""Trailing windows of a series, each one computed on its own.

Every helper takes a (T,) series and returns one, NaN where the window is not
full or holds a NaN. Windows are centred on their last value before anything is
summed, so a window of equal values is flat exactly, whatever the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Series: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.longdouble]
Formula: TypeAlias = "Callable[[Bars], Series]"


class Bars(NamedTuple):
    """The five columns of one symbol, each (T,) float64."""

    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series


class Oracle:
    """Callable(open, high, low, close, volume) -> (T,) around a formula on `Bars`."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula

    def __call__(self, *columns: Series) -> Series:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.formula(Bars(*columns)), dtype=np.float64)


def table(formulas: dict[str, Formula]) -> dict[str, Oracle]:
    """Wrap formulas on `Bars` as oracles on five arrays."""
    return {name: Oracle(formula) for name, formula in formulas.items()}


def trailing(x: Series, n: int, statistic: Callable[[Matrix], Any]) -> Series:
    """`statistic` of each window of n values, oldest first: (M, n) -> (M,)."""
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = statistic(sliding_window_view(np.asarray(x, dtype=np.longdouble), n))
    return out


def lag(x: Series, n: int) -> Series:
    """x[n], the value n bars ago."""
    return np.concatenate([np.full(min(n, len(x)), np.nan), x[: max(len(x) - n, 0)]])


def ratio(numerator: Any, denominator: Any) -> Any:
    """Quotient, NaN where the denominator is 0: an undefined ratio has no neutral value."""
    return np.where(denominator == 0, np.nan, numerator / np.where(denominator == 0, 1, denominator))


def deviations(w: Matrix) -> Matrix:
    """Each window minus its own mean, exactly 0 for a window of equal values."""
    shifted = w - w[:, -1:]
    return np.asarray(shifted - shifted.mean(axis=1, keepdims=True))


def mean(x: Series, n: int) -> Series:
    """Simple moving average."""
    return trailing(x, n, lambda w: w[:, -1] + (w - w[:, -1:]).mean(axis=1))


def total(x: Series, n: int) -> Series:
    """Moving sum."""
    return trailing(x, n, lambda w: w.sum(axis=1))


def std(x: Series, n: int, ddof: int) -> Series:
    """Moving standard deviation, `ddof` 1 for the sample's, 0 for the population's."""
    return trailing(x, n, lambda w: np.sqrt((deviations(w) ** 2).sum(axis=1) / (n - ddof)))


def highest(x: Series, n: int) -> Series:
    """Moving maximum, current bar included."""
    return trailing(x, n, lambda w: w.max(axis=1))


def lowest(x: Series, n: int) -> Series:
    """Moving minimum, current bar included."""
    return trailing(x, n, lambda w: w.min(axis=1))


def line_slope(w: Matrix) -> Matrix:
    """Least-squares slope per bar of each window against 0..n-1."""
    time = np.arange(w.shape[1], dtype=np.longdouble) - (w.shape[1] - 1) / 2
    return np.asarray((deviations(w) * time).sum(axis=1) / (time**2).sum())


def slope(x: Series, n: int) -> Series:
    """Least-squares slope of the last n values."""
    return trailing(x, n, line_slope)


def log_returns(close: Series) -> Series:
    """r = ln(c / c[1]), the increment of ln c."""
    return np.log(close / lag(close, 1))


def typical(bars: Bars) -> Series:
    """Typical price (h + l + c) / 3."""
    return (bars.high + bars.low + bars.close) / 3
