"""The models decide: enter where trend, momentum, confidence and edge agree; size by Kelly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels.belief import CONFIDENCE, EDGE, EFFECTIVE, KELLY, PROBABILITY
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

__all__ = ["ML_DRIVEN"]


@njit
def ml_driven_nb(
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Enter while all gates are open; exit when the edge is gone or the trend is."""
    min_trend, exit_trend = params[N_SHARED], params[N_SHARED + 1]
    confident, fraction, least = params[N_SHARED + 2], params[N_SHARED + 3], params[N_SHARED + 4]
    for j in range(features.shape[1]):
        trend = features[N_SHARED_FEATURES, j]
        momentum = features[N_SHARED_FEATURES + 1, j]
        p, edge = predictions[PROBABILITY, j], predictions[EDGE, j]
        kelly, effective = predictions[KELLY, j], predictions[EFFECTIVE, j]
        closes = 1.0 if edge < 0.0 or trend < exit_trend else 0.0
        side, gate = 0.0, 1.0
        if known_nb(features, j):
            if math.isnan(p) or math.isnan(edge):
                gate = 2.0
            elif not trend >= min_trend:
                gate = 3.0
            elif not momentum > 0.0:
                gate = 4.0
            elif not predictions[CONFIDENCE, j] > confident:
                gate = 5.0
            elif not edge > 0.0:
                gate = 6.0
            elif not kelly > 0.0:
                gate = 7.0
            else:
                side, gate = 1.0, 0.0
        choose_nb(side, closes, gate, out, j)
        out[WEIGHT, j] = kelly_cap_nb(out[WEIGHT, j], kelly, effective, fraction, least)


@njit
def candidates_nb(
    features: NDArray[np.float64], params: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Every close is a candidate: bought at the next open, held to its stop, target or time limit."""
    for j in range(features.shape[1]):
        side = 1.0 if known_nb(features, j) else 0.0
        choose_nb(side, 0.0, 0.0, out, j)


def _reads(params: Params) -> tuple[str, ...]:
    return ("trend_score", "momentum_score")


def _rule(params: Params) -> str | None:
    if params["allow_short"]:
        return "its models learn long trades, so it cannot sell short; leave `allow_short` off"
    return None


ML_DRIVEN = Strategy(
    name="ml_driven",
    summary="the ensemble's edge, in a trend, sized by Kelly",
    own={
        "min_trend": Parameter(50.0, 0.0, 100.0, "trend_score that an entry needs"),
        "exit_trend": Parameter(30.0, 0.0, 100.0, "trend_score below which a position is closed"),
        "min_confidence": Parameter(0.6, 0.0, 1.0, "confidence that an entry needs to exceed"),
        "kelly_fraction": Parameter(0.25, 0.0, 1.0, "share of the shrunk Kelly fraction that is bet"),
        "min_weight": Parameter(0.01, 0.0, 1.0, "weight while fewer than 30 effective labels are on record"),
    },
    reads=_reads,
    gates=("warm-up", "no model yet", "trend", "momentum", "confidence", "edge", "kelly"),
    kernel=ml_driven_nb,
    model=Model(output="p_up", meaning="the next trade gains after costs", candidates=candidates_nb),
    shared_defaults={"stop_atr": 3.0, "time_limit": 20},
    rule=_rule,
)
