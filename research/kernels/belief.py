"""What the online loop carries between bars, and what it says: names for the rows of its arrays.

Out: the `Belief` of a loop that has seen nothing, for `research.kernels.online` to change in place.
Experts are the L learners, then two plain ones: the base rate and the equal-weight mean.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_PLAIN", "N_PREDICTIONS", "PREDICTION_NAMES", "Belief", "new_belief"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# Rows of the predictions.
PROBABILITY = 0  # calibrated probability that the label is 1
EDGE = 1  # probability − break-even probability
CONFIDENCE = 2  # 0..1, see `rank`; NaN while fewer than 20 bars are ranked
KELLY = 3  # shrunk Kelly fraction, ≥ 0, neither quartered nor capped
EFFECTIVE = 4  # effective number of labels behind win and loss sizes
BREAK_EVEN = 5  # probability at which the expected net return is 0
N_PREDICTIONS = 6
PREDICTION_NAMES = ("probability", "edge", "confidence", "kelly", "effective_labels", "break_even")

N_PLAIN = 2  # base rate, equal-weight mean

# Numbers that the loop carries, `Belief.carried`.
SINCE = 0  # bars since the last retraining
SETTLED = 1  # labels settled so far
DRIFT = 2  # the detector's statistic
REFERENCE = 3  # hit rate that it holds the present one against; NaN: none yet
HITS, HIT_COUNT = 4, 5  # hits and labels of this bar
RING_AT, RING_N = 6, 7  # record of wins and losses
SAID_AT, SAID_N = 8, 9  # record of (said, came)
BASE, WIN, LOSS, WEIGHT_SUM = 10, 11, 12, 13  # taken from the record of wins and losses
SLOPE, INTERCEPT = 14, 15  # calibration
RATE_AT, RATE_N = 16, 17  # record of hit rates
N_CARRIED = 18

# Rows of `Belief.said` behind the experts' and the challengers'.
MIXED, CALIBRATED = 0, 1
N_SAID = 2


class Belief(NamedTuple):
    """What the loop carries between bars; arrays only, so that a snapshot is their bytes.

    Attributes
    ----------
    weights : (M,) float64
        Of the experts; sum 1.
    carried : (N_CARRIED,) float64
    net, span : (C,) float64
        Ring of settled labels: net return, and 1 / bars it lasted (its share of an independent label).
    logit, came : (C,) float64
        Ring of predictions that settled: logit of the mixture, label.
    rate : (C,) float64
        Ring of hit rates, one per bar at which predictions settled.
    distance : (N, W) float64
        Ring per symbol of |p − base|, for the rank.
    ranked : (N, 2) int64
        Place and count in that ring.
    birth : (N, H) int64
        Bars whose labels are open; −1 none.
    said : (N, H, M + L + 2) float64
        What experts, challengers, mixture and calibration said at those bars.
    slot : (N,) int64
        Next slot to use.
    duel : (L, 3) float64
        Labels scored; log loss of champion; log loss of challenger.
    turns : (H,) float64
        Drift detectors, one per bar of a label's life.
    """

    weights: F64
    carried: F64
    net: F64
    span: F64
    logit: F64
    came: F64
    rate: F64
    distance: F64
    ranked: I64
    birth: I64
    said: F64
    slot: I64
    duel: F64
    turns: F64


def new_belief(n_symbols: int, n_learners: int, *, memory: int, window: int, slots: int) -> Belief:
    """Return the belief of a loop that has seen nothing.

    Parameters
    ----------
    n_symbols, n_learners : int
    memory : int
        Labels on record for sizes and calibration, C.
    window : int
        Bars of the confidence rank, W.
    slots : int
        Labels per symbol that can be open at once, H.
    """
    m = n_learners + N_PLAIN
    carried = np.zeros(N_CARRIED)
    carried[[REFERENCE, BASE, WIN, LOSS]] = np.nan
    carried[SLOPE] = 1.0
    return Belief(
        weights=np.full(m, 1.0 / m),
        carried=carried,
        net=np.zeros(memory),
        span=np.zeros(memory),
        logit=np.zeros(memory),
        came=np.zeros(memory),
        rate=np.zeros(memory),
        distance=np.zeros((n_symbols, window)),
        ranked=np.zeros((n_symbols, 2), np.int64),
        birth=np.full((n_symbols, slots), -1, np.int64),
        said=np.full((n_symbols, slots, m + n_learners + N_SAID), np.nan),
        slot=np.zeros(n_symbols, np.int64),
        duel=np.zeros((n_learners, 3)),
        turns=np.zeros(slots),
    )
