"""The audited bot's old rule, kept as a baseline: enter only on the very bar of a crossover."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit
from research.kernels.signals import (
    GATE,
    N_SHARED_FEATURES,
    P_ALLOW_SHORT,
    choose_nb,
    unknown_nb,
)
from research.strategies.base import Parameter, Strategy
from research.strategies.declared import Below, Names

__all__ = ["MA_CROSSOVER"]


@njit
def ma_crossover_nb(
    features: NDArray[np.float64],
    predictions: NDArray[np.float64],
    params: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Enter when the fast mean crosses above the slow one on this bar; exit when it crosses below."""
    short = params[P_ALLOW_SHORT] > 0.0
    unknown_nb(features, out)
    # Without branches, so that it vectorises: a sweep asks this once per pair of windows.
    for j in range(features.shape[1]):
        up, down = features[N_SHARED_FEATURES, j] > 0.0, features[N_SHARED_FEATURES, j] < 0.0
        closes = 1.0 if down else 0.0
        closes = -1.0 if up else closes
        unknown = out[GATE, j] != 0.0
        wants = (up | (short & down)) & (not unknown)
        gate = 0.0 if wants else 2.0
        choose_nb(-closes if wants else 0.0, closes, 1.0 if unknown else gate, out, j)


MA_CROSSOVER = Strategy(
    name="ma_crossover",
    summary="the old rule: SMA crosses up on this very bar",
    own={
        "fast": Parameter(20, 1, 500, "bars of the fast simple moving average", integer=True),
        "slow": Parameter(50, 2, 1000, "bars of the slow simple moving average", integer=True),
    },
    reads=Names(("sma_cross_{fast:.0f}_{slow:.0f}",)),
    gates=("warm-up", "no crossover on this bar"),
    kernel=ma_crossover_nb,
    rule=Below("fast", "slow"),
)
