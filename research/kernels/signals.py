"""Signal rows, and the part of them that every strategy shares: size and protection.

A signal is what a strategy wants at a close, free of any account: one column of
`N_SIGNALS` numbers per bar and symbol. In: the shared feature rows and the
shared parameters, both by position. Out: weight, stop, target, trail and limit
beside the side that the strategy chose.

Protection is a fraction of the fill price, whatever it was asked in: an ATR
multiple is already a fraction once it is multiplied by `atr_pct_14` of the
decision bar, so the broker kernel knows one kind of stop.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = [
    "N_SIGNALS", "SIGNAL_NAMES", "choose_nb", "kelly_cap_nb", "known_nb", "size_at_nb", "size_nb",
    "unknown_nb",
]  # fmt: skip

ENTRY = 0  # +1 wants long, -1 wants short, 0 wants nothing
EXIT = 1  # +1 closes a long, -1 closes a short, 2 closes either, 0 closes nothing
WEIGHT = 2  # fraction of equity
STOP = 3  # fraction of the fill price, NaN: none
TARGET = 4  # fraction of the fill price, NaN: none
TRAIL = 5  # fraction of the fill price, NaN: none
LIMIT = 6  # bars held, NaN: no limit
GATE = 7  # 0: nothing blocks the entry; else 1 + index into the strategy's gates
N_SIGNALS = 8
SIGNAL_NAMES = ("entry", "exit", "weight", "stop", "target", "trail", "limit", "gate")

# Rows of the shared features, in the order of strategies.base.SHARED_FEATURES.
F_VOL, F_RISK, F_ATR, N_SHARED_FEATURES = 0, 1, 2, 3

# Positions of the shared parameters, in the order of strategies.base.SHARED.
P_ALLOW_SHORT, P_BARS_PER_YEAR = 0, 1
P_VOL_TARGET, P_MAX_WEIGHT, P_RISK_CAP, P_RISK_AVERSION = 2, 3, 4, 5
P_STOP, P_STOP_ATR, P_TARGET, P_TARGET_ATR, P_TRAIL, P_TRAIL_ATR, P_LIMIT = 6, 7, 8, 9, 10, 11, 12
N_SHARED = 13

_FEATURE_YEAR = 252.0  # the year in which the vol_* features are stated, whatever the bar
_FEW_LABELS = 30.0  # effective labels below which win and loss sizes say nothing
_WIDEST_STOP = 0.99  # a stop at or below zero would protect nothing and say that it does


@njit
def known_nb(features: NDArray[np.float64], j: int) -> bool:
    """Say whether every feature of column `j` has left its warm-up."""
    for k in range(features.shape[0]):
        if math.isnan(features[k, j]):
            return False
    return True


@njit
def unknown_nb(features: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write 1 to row GATE of every column where a feature is still in its warm-up, else 0.

    What `known_nb` says of one column, two features at a time, so that the loops vectorise.
    """
    for j in range(features.shape[1]):
        out[GATE, j] = 0.0
    last = features.shape[0] - 1
    for k in range(0, last + 1, 2):
        other = min(k + 1, last)
        for j in range(features.shape[1]):
            known = (features[k, j] == features[k, j]) & (features[other, j] == features[other, j])
            out[GATE, j] = out[GATE, j] if known else 1.0


@njit
def distance_nb(fraction: float, multiple: float, atr: float) -> float:
    """Return the nearer of a fraction and an ATR multiple, as a fraction; NaN where both are off (0)."""
    if multiple > 0.0:
        by_atr = multiple * atr
        if fraction > 0.0:
            return min(fraction, by_atr)
        return by_atr
    if fraction > 0.0:
        return fraction
    return math.nan


@njit
def stop_distance_nb(fraction: float, multiple: float, atr: float) -> float:
    """Return `distance_nb`, no wider than leaves a price above zero."""
    distance = distance_nb(fraction, multiple, atr)
    return min(distance, _WIDEST_STOP) if distance == distance else distance


@njit
def weight_nb(volatility: float, risk_score: float, stop: float, params: NDArray[np.float64]) -> float:
    """Return the weight: the least of volatility target, risk cap and weight cap, cut by `risk_score`.

    Unknown or zero volatility is weight 0: what cannot be measured is not bought.
    """
    if not volatility > 0.0 or not risk_score >= 0.0:
        return 0.0
    annual = volatility * math.sqrt(params[P_BARS_PER_YEAR] / _FEATURE_YEAR)
    weight: float = min(params[P_VOL_TARGET] / annual, params[P_MAX_WEIGHT])
    if params[P_RISK_CAP] > 0.0 and stop > 0.0:
        weight = min(weight, params[P_RISK_CAP] / stop)
    weight *= 1.0 - params[P_RISK_AVERSION] * risk_score / 100.0
    return weight


@njit
def kelly_cap_nb(weight: float, kelly: float, effective: float, fraction: float, least: float) -> float:
    """Cap a weight by a share of the shrunk Kelly fraction, or by `least` while few labels are on record.

    A fraction that is not known is weight 0.
    """
    if not kelly > 0.0 or not effective > 0.0:
        return 0.0
    return min(weight, least if effective < _FEW_LABELS else fraction * kelly)


@njit
def choose_nb(side: float, closes: float, gate: float, out: NDArray[np.float64], j: int) -> None:
    """Write what a strategy chose at column `j`: side, exit and gate.

    A side that `closes` would close at once is no entry: exit wins.
    """
    # Without a branch, so that a strategy's loop vectorises.
    out[ENTRY, j] = 0.0 if (side != 0.0) & ((closes == side) | (closes == 2.0)) else side
    out[EXIT, j] = closes
    out[GATE, j] = gate


@njit
def size_at_nb(
    features: NDArray[np.float64], params: NDArray[np.float64], j: int, out: NDArray[np.float64], at: int
) -> None:
    """Write weight, stop, target, trail and limit of column `j` to column `at`."""
    atr = features[F_ATR, j]
    stop = stop_distance_nb(params[P_STOP], params[P_STOP_ATR], atr)
    trail = stop_distance_nb(params[P_TRAIL], params[P_TRAIL_ATR], atr)
    nearest = trail if not stop == stop or trail < stop else stop
    out[WEIGHT, at] = weight_nb(features[F_VOL, j], features[F_RISK, j], nearest, params)
    out[STOP, at] = stop
    out[TARGET, at] = distance_nb(params[P_TARGET], params[P_TARGET_ATR], atr)
    out[TRAIL, at] = trail
    out[LIMIT, at] = params[P_LIMIT] if params[P_LIMIT] > 0.0 else math.nan


@njit
def size_nb(features: NDArray[np.float64], params: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Write weight, stop, target, trail and limit of every column, from shared features and parameters.

    They are written whether or not there is an entry, so that an export shows what a
    trade would have been; and no choice of a strategy is asked, so that a sweep may choose first, and size
    no more than the entries that are taken.
    """
    for j in range(features.shape[1]):
        size_at_nb(features, params, j, out, j)
