"""Planted leaks of inputs: features and bars that see what comes later.

In: nothing. Out: `PLANTED`, by name: words, strategy and seam.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from research.data.aligned import Panel
from research.learning.seams import Seams

__all__ = ["PLANTED", "SPOILED"]

F64 = NDArray[np.float64]
Spoil = Callable[[F64, Panel], F64]

SPOILED: Final = "ret_5"
"""The input of the models that the leaks of features replace."""

_AHEAD = 10  # bars


# --- features -------------------------------------------------------------------------------------


def _later(x: F64, bars: int) -> F64:
    """Return (N, T) values of so many bars later; NaN at the end."""
    out = np.full_like(x, np.nan)
    out[:, :-bars] = x[:, bars:]
    return out


def _each(x: F64, change: Callable[[F64], F64]) -> F64:
    """Change the values of every symbol, NaN left out."""
    out = x.copy()
    for row in out:
        there = np.isfinite(row)
        if there.any():
            row[there] = change(row[there])
    return out


def _close(panel: Panel) -> F64:
    return np.asarray((panel.close * panel.factor).T, order="C")


def _move(panel: Panel, bars: int) -> F64:
    """Return each bar's log return of the next bars."""
    log = np.log(_close(panel))
    return np.asarray(_later(log, bars) - log)


def _shift(x: F64, panel: Panel) -> F64:
    return _later(x, 1)


def _centred(x: F64, panel: Panel) -> F64:
    before = np.full_like(x, np.nan)
    before[:, _AHEAD:] = x[:, :-_AHEAD]
    return (_later(x, _AHEAD) + x + before) / 3.0


def _every_21st(x: F64) -> F64:
    """Keep every 21st bar, as of a figure published once a month."""
    out = np.full_like(x, np.nan)
    out[:, ::21] = x[:, ::21]
    return out


def _backfill(x: F64, panel: Panel) -> F64:
    out = _every_21st(x)
    for t in range(out.shape[1] - 2, -1, -1):
        gap = np.isnan(out[:, t])
        out[gap, t] = out[gap, t + 1]
    return out


def _mean_filled(x: F64, panel: Panel) -> F64:
    out = _every_21st(x)
    for row in out:
        there = np.isfinite(row)
        row[~there] = row[there].mean() if there.any() else np.nan
    return out


def _interpolate(x: F64, panel: Panel) -> F64:
    out, at = _every_21st(x), np.arange(x.shape[1])
    for row in out:
        there = np.isfinite(row)
        if there.any():
            row[:] = np.interp(at, at[there], row[there])
    return out


def _forward_label(x: F64, panel: Panel) -> F64:
    return np.sign(_move(panel, _AHEAD))


def _scale(x: F64, panel: Panel) -> F64:
    return _each(x, lambda v: (v - v.mean()) / v.std() if v.std() > 0.0 else v)


def _rank(x: F64, panel: Panel) -> F64:
    return _each(x, lambda v: np.argsort(np.argsort(v, kind="stable"), kind="stable") / v.size)


def _range(x: F64, panel: Panel) -> F64:
    return _each(x, lambda v: (v - v.min()) / max(np.ptp(v), 1e-12))


def _edges(x: F64, panel: Panel) -> F64:
    edges = np.linspace(0.0, 1.0, 101)
    return _each(x, lambda v: np.searchsorted(np.quantile(v, edges), v).astype(np.float64))


def _weekday_mean(x: F64, panel: Panel) -> F64:
    move, out = _move(panel, 1), x.copy()
    day = panel.bar_close.astype("datetime64[D]").astype(np.int64) % 7
    for k in np.unique(day):
        there = move[:, day == k]
        known = np.isfinite(there)
        out[:, day == k] = there[known].mean() if known.any() else 0.0
    return out


def _reversed_ema(x: F64, panel: Panel) -> F64:
    def smooth(values: F64) -> F64:
        out = values.copy()
        for t in range(values.size - 2, -1, -1):
            out[t] = 0.9 * out[t + 1] + 0.1 * values[t]
        return out

    return _each(x, smooth)


def _next_high(x: F64, panel: Panel) -> F64:
    return np.asarray(_later(np.ascontiguousarray(panel.high.T), 1) / panel.close.T)


def _line(x: F64, panel: Panel) -> F64:
    def distance(log: F64) -> F64:
        at = np.arange(log.size, dtype=np.float64)
        slope, level = np.polyfit(at, log, 1) if log.size > 1 else (0.0, 0.0)
        return np.asarray(log - slope * at - level)

    return _each(np.log(_close(panel)), distance)


def _feature(spoil: Spoil) -> Seams:
    """Return the seam that replaces one input of the models."""

    def features(matrix: F64, names: tuple[str, ...], panel: Panel) -> F64:
        out = matrix.copy()
        k = names.index(SPOILED)
        out[k] = spoil(matrix[k], panel)
        # A gap in a leak would be a gap in the models' rows; it must not hide the leak.
        out[k][np.isnan(out[k])] = 0.0
        return out

    return Seams(features=features)


def _component(matrix: F64, names: tuple[str, ...], panel: Panel) -> F64:
    """Replace an input by the first principal component of all inputs over the whole sample."""
    out = matrix.copy()
    rows = matrix.reshape(matrix.shape[0], -1)
    there = np.isfinite(rows).all(axis=0)
    centred = rows[:, there] - rows[:, there].mean(axis=1, keepdims=True)
    axis = np.linalg.eigh(centred @ centred.T)[1][:, -1]
    found = np.zeros(rows.shape[1])
    found[there] = axis @ centred
    out[names.index(SPOILED)] = found.reshape(matrix.shape[1:])
    return out


def _selected(matrix: F64, names: tuple[str, ...], panel: Panel) -> F64:
    """Replace an input by the one that goes with the next bar's return most closely over the whole sample."""
    out, move = matrix.copy(), _move(panel, 1)
    fits = []
    for x in matrix:
        there = np.isfinite(x) & np.isfinite(move)
        fits.append(abs(np.sum(x[there] * move[there])) / max(np.sqrt(np.sum(x[there] ** 2)), 1e-12))
    out[names.index(SPOILED)] = matrix[int(np.argmax(fits))] * max(fits)
    return out


# --- bars -----------------------------------------------------------------------------------------


def _survivors(panel: Panel) -> Panel:
    """Leave out every symbol whose bars end before the last one."""
    gone = np.isnan(panel.close[-1])
    blank = np.where(gone, np.nan, 1.0)
    kept: dict[str, Any] = {
        name: getattr(panel, name) * blank for name in ("open", "high", "low", "close", "volume", "factor")
    }
    plain: dict[str, Any] = {
        "split": np.where(gone, 1.0, panel.split),
        "dividend": np.where(gone, 0.0, panel.dividend),
    }
    return replace(panel, **kept, **plain)


def _back_adjusted(panel: Panel) -> Panel:
    """Use prices adjusted backwards from the last bar as if they had been quoted."""
    last = np.array([f[np.isfinite(f)][-1] if np.isfinite(f).any() else 1.0 for f in panel.factor.T])
    scale = panel.factor / last
    quoted: dict[str, Any] = {name: getattr(panel, name) * scale for name in ("open", "high", "low", "close")}
    ones, none = np.ones_like(panel.split), np.zeros_like(panel.dividend)
    factor = np.where(np.isnan(panel.close), np.nan, 1.0)
    return replace(panel, **quoted, factor=factor, split=ones, dividend=none)


# Name: what it does, and what it makes of the input.
_OF_FEATURES: Mapping[str, tuple[str, Spoil]] = {
    "next_bar": ("a feature shifted by −1", _shift),
    "centred_window": ("a feature averaged over bars on both sides", _centred),
    "backfill": ("gaps filled with the value that comes next", _backfill),
    "mean_imputation": ("gaps filled with the mean of all bars", _mean_filled),
    "interpolation": ("gaps filled on a line to the value that comes next", _interpolate),
    "forward_label": ("the sign of the next ten bars as a feature", _forward_label),
    "whole_sample_scaler": ("a feature standardised over all bars", _scale),
    "whole_sample_rank": ("a feature ranked among all bars", _rank),
    "whole_sample_range": ("a feature put between its lowest and highest value ever", _range),
    "quantile_edges": ("a feature binned by quantiles of all bars", _edges),
    "target_encoding": ("weekdays encoded by the mean of the next return over all bars", _weekday_mean),
    "reversed_ema": ("an EMA that runs backwards", _reversed_ema),
    "next_high": ("the next bar's high, before that bar", _next_high),
    "detrended_price": ("distance from a line through all closes", _line),
}
PLANTED: Mapping[str, tuple[str, str, Seams]] = {
    **{name: (what, "mean_reversion_ml", _feature(spoil)) for name, (what, spoil) in _OF_FEATURES.items()},
    "principal_component": (
        "a projection fitted on all bars",
        "mean_reversion_ml",
        Seams(features=_component),
    ),
    "feature_selection": (
        "the feature that goes best with returns over all bars",
        "mean_reversion_ml",
        Seams(features=_selected),
    ),
    "survivors_only": (
        "symbols left out that end before the last bar",
        "adaptive_momentum",
        Seams(panel=_survivors),
    ),
    "back_adjusted_prices": (
        "quotes divided by splits and dividends to come",
        "adaptive_momentum",
        Seams(panel=_back_adjusted),
    ),
}
