"""Score-based momentum whose lookback adapts to volatility: enter while the scores say so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit
from research.kernels.signals import (
    N_SHARED,
    N_SHARED_FEATURES,
    P_ALLOW_SHORT,
    choose_nb,
    known_nb,
)
from research.strategies.base import Parameter, Params, Strategy

__all__ = ["ADAPTIVE_MOMENTUM"]


@njit
def adaptive_momentum_nb(
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Enter while momentum exceeds `threshold` in a trend; exit when momentum changes sign."""
    threshold, min_trend = params[N_SHARED], params[N_SHARED + 1]
    for j in range(features.shape[1]):
        momentum = features[N_SHARED_FEATURES, j]
        trend = features[N_SHARED_FEATURES + 1, j]
        closes = 1.0 if momentum < 0.0 else (-1.0 if momentum > 0.0 else 0.0)
        side, gate = 0.0, 1.0
        if known_nb(features, j):
            short = params[P_ALLOW_SHORT] > 0.0
            if momentum > threshold:
                side = 1.0
                gate = 0.0 if trend >= min_trend else 3.0
            elif short and momentum < -threshold:
                side = -1.0
                gate = 0.0 if 100.0 - trend >= min_trend else 3.0
            else:
                gate = 2.0
            if gate > 0.0:
                side = 0.0
        choose_nb(side, closes, gate, out, j)


def _reads(params: Params) -> tuple[str, ...]:
    return ("adaptive_mom", "trend_score")


ADAPTIVE_MOMENTUM = Strategy(
    name="adaptive_momentum",
    summary="volatility-adapted momentum above a threshold, in a trend",
    own={
        "threshold": Parameter(0.5, 0.0, 10.0, "momentum in standard deviations that an entry needs"),
        "min_trend": Parameter(50.0, 0.0, 100.0, "trend_score that an entry needs"),
    },
    reads=_reads,
    gates=("warm-up", "momentum", "trend"),
    kernel=adaptive_momentum_nb,
    shared_defaults={"stop_atr": 3.0},
)
