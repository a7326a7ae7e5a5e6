"""Planted leaks of choice: what is believed, picked or sized with later data.

In: nothing. Out: `PLANTED`, by name: words, strategy and seam.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.aligned import Panel
from research.evidence.coverage import coverage_curve
from research.kernels import signals as sg
from research.kernels.belief import BREAK_EVEN, CONFIDENCE, EDGE, KELLY, PROBABILITY
from research.kernels.calibration import platt_fit_nb
from research.learning.seams import Seams
from research.learning.spoken import Spoken

__all__ = ["PLANTED"]

F64 = NDArray[np.float64]


def _outcomes(spoken: Spoken) -> F64:
    """Return (N, T): 1 where the trade decided there gains, 0 where it loses, NaN where none is known."""
    out = np.full(spoken.predictions.shape[1:], np.nan)
    out[spoken.labels.symbol, spoken.labels.birth] = spoken.labels.net > 0.0
    return out


def _losses(spoken: Spoken) -> F64:
    """Return (M,): each expert's mean log loss over the whole run."""
    y = _outcomes(spoken)
    found = np.full(len(spoken.experts), np.inf)
    for k, said in enumerate(spoken.said):
        there = np.isfinite(said) & np.isfinite(y)
        if there.any():
            p = np.clip(said[there], 0.01, 0.99)
            found[k] = -np.mean(np.log(np.where(y[there] > 0.0, p, 1.0 - p)))
    return found


def _with(spoken: Spoken, row: int, values: F64) -> Spoken:
    """Return what was said with one row replaced where the model speaks; the edge follows its probability."""
    out = spoken.predictions.copy()
    speaks = np.isfinite(out[PROBABILITY])
    out[row][speaks] = values[speaks]
    if row == PROBABILITY:
        out[EDGE] = out[PROBABILITY] - out[BREAK_EVEN]
    return replace(spoken, predictions=out)


def _calibrated(spoken: Spoken, panel: Panel) -> Spoken:
    y, p = _outcomes(spoken), np.clip(spoken.predictions[PROBABILITY], 0.01, 0.99)
    logit, there = np.log(p / (1.0 - p)), np.isfinite(y) & np.isfinite(p)
    fitted = np.empty(2)
    platt_fit_nb(logit[there], y[there], int(there.sum()), 1.0, fitted)
    return _with(spoken, PROBABILITY, 1.0 / (1.0 + np.exp(-(fitted[0] * logit + fitted[1]))))


def _weighed(spoken: Spoken, panel: Panel) -> Spoken:
    weights = np.exp(-50.0 * _losses(spoken))
    total = weights.sum()
    if not total > 0.0:
        return spoken
    final = np.broadcast_to((weights / total)[:, None], spoken.weights.shape).copy()
    mixed = np.nansum(spoken.said * final[:, None, :], axis=0)
    return replace(_with(spoken, PROBABILITY, mixed), weights=final)


def _winner(spoken: Spoken, panel: Panel) -> Spoken:
    learners = len(spoken.experts) - 2
    return _with(spoken, PROBABILITY, spoken.said[int(np.argmin(_losses(spoken)[:learners]))])


def _kelly(spoken: Spoken, panel: Panel) -> Spoken:
    net = spoken.labels.net
    win = net[net > 0.0].mean() if (net > 0.0).any() else 0.01
    loss = -net[net <= 0.0].mean() if (net <= 0.0).any() else 0.01
    p = spoken.predictions[PROBABILITY]
    return _with(spoken, KELLY, np.maximum(p / loss - (1.0 - p) / win, 0.0))


def _ranked(spoken: Spoken, panel: Panel) -> Spoken:
    p = spoken.predictions[PROBABILITY]
    away = np.abs(p - np.nanmean(p)) if np.isfinite(p).any() else p
    known = np.sort(away[np.isfinite(away)])
    return _with(spoken, CONFIDENCE, np.searchsorted(known, away) / max(known.size, 1))


def _threshold(spoken: Spoken, panel: Panel) -> Spoken:
    """Be sure above the threshold that would have been right most often over the whole run."""
    curve = coverage_curve(spoken).filter(pl.col("n") >= 20).sort("accuracy", "threshold")
    confidence = spoken.predictions[CONFIDENCE]
    best = curve["threshold"][-1] if curve.height else 0.0
    return _with(spoken, CONFIDENCE, np.where(confidence > best, 1.0, np.minimum(confidence, 0.5)))


def _leaned(spoken: Spoken, panel: Panel) -> Spoken:
    """Tell at each retraining what the models will have leaned on by the end."""
    if not spoken.importance.width:
        return spoken
    mean = pl.col("importance").mean().over("feature")
    return replace(spoken, importance=spoken.importance.with_columns(mean))


def _adjusted(panel: Panel) -> F64:
    return np.ascontiguousarray((panel.close * panel.factor).T)


def _volatility(signals: F64, panel: Panel) -> F64:
    out = signals.copy()
    for k, close in enumerate(_adjusted(panel)):
        steps = np.diff(np.log(close[np.isfinite(close)]))
        if steps.size and steps.std() > 0.0:
            out[sg.WEIGHT, k] = min(0.2 / (steps.std() * np.sqrt(252.0)), 0.95)
    return out


def _stop_low(signals: F64, panel: Panel) -> F64:
    out = signals.copy()
    low = np.full(panel.low.T.shape, np.nan)
    low[:, :-1] = panel.low.T[:, 1:]
    room = np.clip(1.0 - 0.999 * low / panel.close.T, 0.001, 0.5)
    out[sg.STOP] = np.where(np.isfinite(room), room, out[sg.STOP])
    return out


def _next_close(signals: F64, panel: Panel) -> F64:
    out, close = signals.copy(), _adjusted(panel)
    rises = np.zeros(close.shape, np.bool_)
    rises[:, :-1] = close[:, 1:] > close[:, :-1]
    out[sg.ENTRY] = np.where(rises, out[sg.ENTRY], 0.0)
    return out


def _no_crash(signals: F64, panel: Panel) -> F64:
    out, close = signals.copy(), _adjusted(panel)
    falls = np.zeros(close.shape, np.bool_)
    falls[:, :-1] = close[:, 1:] < 0.85 * close[:, :-1]
    out[sg.ENTRY] = np.where(falls, 0.0, out[sg.ENTRY])
    return out


def _dividend(signals: F64, panel: Panel) -> F64:
    out = signals.copy()
    paid = np.zeros(panel.dividend.T.shape, np.bool_)
    paid[:, :-1] = (panel.dividend.T[:, 1:] > 0.0) | (panel.split.T[:, 1:] != 1.0)
    out[sg.WEIGHT] = np.where(paid, 1.5 * out[sg.WEIGHT], out[sg.WEIGHT])
    return out


def _best_symbol(signals: F64, panel: Panel) -> F64:
    out = signals.copy()
    gains = []
    for close in _adjusted(panel):
        there = close[np.isfinite(close)]
        gains.append(there[-1] / there[0] if there.size else 0.0)
    # Weighed by how they end, as a list of "winners" is; the last places get nothing.
    ranks = np.array(gains) / max(gains)
    out[sg.WEIGHT] *= ranks[:, None]
    return out


def _best_limit(signals: F64, panel: Panel) -> F64:
    log = np.log(_adjusted(panel))
    symbol, bar = np.nonzero(signals[sg.ENTRY] > 0.0)
    mean = {}
    for held in (3, 5, 8, 13, 21, 34):
        end = np.minimum(bar + held, log.shape[1] - 1)
        moves = log[symbol, end] - log[symbol, bar]
        mean[held] = float(np.nansum(moves)) / held
    out = signals.copy()
    out[sg.LIMIT] = max(mean, key=lambda held: mean[held])
    return out


PLANTED: Mapping[str, tuple[str, str, Seams]] = {
    "leaky_calibrator": ("calibration fitted on outcomes to come", "ml_driven", Seams(spoken=_calibrated)),
    "final_weights": (
        "experts weighed by their loss over the whole run",
        "ml_driven",
        Seams(spoken=_weighed),
    ),
    "winner_in_hindsight": (
        "the learner that did best over the whole run",
        "ml_driven",
        Seams(spoken=_winner),
    ),
    "kelly_of_all_trades": ("sizes from wins and losses of the whole run", "ml_driven", Seams(spoken=_kelly)),
    "confidence_of_all": ("confidence ranked among all predictions", "ml_driven", Seams(spoken=_ranked)),
    "best_threshold": (
        "the confidence threshold that was right most often over the whole run",
        "ml_driven",
        Seams(spoken=_threshold),
    ),
    "importance_of_all": (
        "importance averaged over all retrainings",
        "ml_driven",
        Seams(spoken=_leaned),
    ),
    "whole_sample_volatility": (
        "positions sized by the volatility of all bars",
        "adaptive_momentum",
        Seams(signals=_volatility),
    ),
    "next_low_stop": ("a stop under the next bar's low", "ma_crossover", Seams(signals=_stop_low)),
    "next_close_entry": ("entries only before a rise", "ma_crossover", Seams(signals=_next_close)),
    "crash_foreseen": ("no entry before a crash", "adaptive_momentum", Seams(signals=_no_crash)),
    "dividend_foreseen": (
        "more held before a dividend or split that nobody has announced",
        "adaptive_momentum",
        Seams(signals=_dividend),
    ),
    "best_symbols": ("symbols weighed by how they end", "adaptive_momentum", Seams(signals=_best_symbol)),
    "best_parameter": (
        "a time limit chosen by its result over all bars",
        "ma_crossover",
        Seams(signals=_best_limit),
    ),
}
