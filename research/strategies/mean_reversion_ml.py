"""Buy what has fallen far below its mean, where the models say that it comes back after costs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.belief import EDGE, EFFECTIVE, KELLY, PROBABILITY
from research.kernels.jit import njit
from research.kernels.signals import (
    N_SHARED,
    N_SHARED_FEATURES,
    WEIGHT,
    choose_nb,
    kelly_cap_nb,
    known_nb,
)
from research.strategies.base import Model, Parameter, Params, Strategy

__all__ = ["MEAN_REVERSION_ML"]


@njit
def mean_reversion_ml_nb(
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Enter below −entry where the reversal has an edge; exit above `exit`."""
    entry, leave = params[N_SHARED], params[N_SHARED + 1]
    fraction, least = params[N_SHARED + 3], params[N_SHARED + 4]
    for j in range(features.shape[1]):
        z = features[N_SHARED_FEATURES, j]
        p, edge = predictions[PROBABILITY, j], predictions[EDGE, j]
        kelly, effective = predictions[KELLY, j], predictions[EFFECTIVE, j]
        closes = 1.0 if z > leave else 0.0
        side, gate = 0.0, 1.0
        if known_nb(features, j):
            if not z < -entry:
                gate = 2.0
            elif math.isnan(p) or math.isnan(edge):
                gate = 3.0
            elif not edge > 0.0:
                gate = 4.0
            elif not kelly > 0.0:
                gate = 5.0
            else:
                side, gate = 1.0, 0.0
        choose_nb(side, closes, gate, out, j)
        out[WEIGHT, j] = kelly_cap_nb(out[WEIGHT, j], kelly, effective, fraction, least)


@njit
def candidates_nb(
    features: NDArray[np.float64], params: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Every close far enough below the mean is a candidate, left when z_20 is back above `exit`."""
    leave, learn_below = params[N_SHARED + 1], params[N_SHARED + 2]
    for j in range(features.shape[1]):
        z = features[N_SHARED_FEATURES, j]
        side = 1.0 if known_nb(features, j) and z < -learn_below else 0.0
        choose_nb(side, 1.0 if z > leave else 0.0, 0.0, out, j)


def _reads(params: Params) -> tuple[str, ...]:
    return ("z_20",)


def _rule(params: Params) -> str | None:
    if params["allow_short"]:
        return "its models learn long trades, so it cannot sell short; leave `allow_short` off"
    if params["learn_below"] > params["entry"]:
        return (
            f"`learn_below` must be at most `entry`, was {params['learn_below']:g} and {params['entry']:g}; "
            "a model must have learned from what it is asked about"
        )
    if params["exit"] <= -params["learn_below"]:
        return (
            f"`exit` must be above −`learn_below`, was {params['exit']:g} and {params['learn_below']:g}; "
            "a trade would be closed as it is opened"
        )
    return None


MEAN_REVERSION_ML = Strategy(
    name="mean_reversion_ml",
    summary="far below the mean, where the ensemble sees a reversal, sized by Kelly",
    own={
        "entry": Parameter(1.5, 0.0, 10.0, "standard deviations below the 20-bar mean that an entry needs"),
        "exit": Parameter(0.0, -10.0, 10.0, "z_20 above which a position is closed"),
        "learn_below": Parameter(0.75, 0.0, 10.0, "standard deviations below the mean to learn from"),
        "kelly_fraction": Parameter(0.25, 0.0, 1.0, "share of the shrunk Kelly fraction that is bet"),
        "min_weight": Parameter(0.01, 0.0, 1.0, "weight while fewer than 30 effective labels are on record"),
    },
    reads=_reads,
    gates=("warm-up", "not stretched", "no model yet", "edge", "kelly"),
    kernel=mean_reversion_ml_nb,
    model=Model(
        output="p_reversal", meaning="the price reverts with a gain after costs", candidates=candidates_nb
    ),
    shared_defaults={"stop_atr": 3.0, "time_limit": 10},
    rule=_rule,
)
