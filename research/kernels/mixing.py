"""Fixed-Share: weights of experts that follow whoever is right of late.

In: the probabilities that M experts gave, and later the label. Out: their mixture, and the weights after it.

1. The mixture is p = Σ wᵢ·pᵢ over the experts that spoke, each pᵢ clipped to [0.01, 0.99].
2. When its label y matures, wᵢ ← wᵢ·pᵢ(y)/Σ: the posterior of "expert i is right", under log loss.
3. Then w ← (1 − α)·w + α/M: nobody's weight dies, so a new best expert is found again.

An expert that is asleep (NaN) is taken to have said what the mixture said, which leaves its weight alone in
step 2. With α = 0 the loss of the mixture is −ln(1/M·Σ e^(−Lᵢ)) exactly, so its regret is at most ln M; with
α > 0 the regret against any sequence of experts with m switches in T labels is at most
ln M − m·ln(α/M) − (T − 1 − m)·ln(1 − α + α/M).

Sources: Herbster and Warmuth, "Tracking the best expert", 1998; Freund, Schapire, Singer and Warmuth, "Using
and combining predictors that specialize", 1997.
"""

from __future__ import annotations

import math

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["ALPHA", "CLIP", "clipped_nb", "log_loss_nb", "mix_nb", "share_nb"]

ALPHA = 1.0 / 252.0  # one switch of the best expert in 252 labels
CLIP = 0.01  # no expert is surer than 99 %: one label costs it at most ln 100


@njit
def clipped_nb(p: float) -> float:
    """Return `p` within [0.01, 0.99]; NaN stays NaN."""
    if p < CLIP:
        return CLIP
    if p > 1.0 - CLIP:
        return 1.0 - CLIP
    return p


@njit
def log_loss_nb(p: float, y: float) -> float:
    """Return −ln of the probability that was given to what happened.

    Parameters
    ----------
    p : float
        Probability of y = 1, clipped to [0.01, 0.99].
    y : float
        0 or 1.

    Returns
    -------
    float
        0.01 to 4.61; NaN where `p` is NaN.
    """
    q = clipped_nb(p)
    return -math.log(q if y > 0.5 else 1.0 - q)


@njit
def mix_nb(weights: Array, p: Array) -> float:
    """Return the mixture of the experts that are awake.

    Parameters
    ----------
    weights : (M,) float64
        Not negative; need not sum to 1.
    p : (M,) float64
        Each expert's probability of y = 1, NaN: asleep.

    Returns
    -------
    float
        Σ wᵢ·pᵢ/Σ wᵢ over the experts awake, 0.01 to 0.99; NaN where none is awake, or none that has weight.
    """
    total = 0.0
    value = 0.0
    for i in range(weights.shape[0]):
        if p[i] == p[i]:
            total += weights[i]
            value += weights[i] * clipped_nb(p[i])
    # Rounding may carry the mean of equal bounds one unit beyond them.
    return clipped_nb(value / total) if total > 0.0 else math.nan


@njit
def share_nb(weights: Array, p: Array, y: float, alpha: float) -> None:
    """Learn from one matured label: weigh the experts by what they gave to it, then share.

    Parameters
    ----------
    weights : (M,) float64, changed in place
        Sum to 1.
    p : (M,) float64
        What each expert said when the label was born, NaN: asleep. Where none was awake nothing changes.
    y : float
        The label, 0 or 1.
    alpha : float
        0 to 1: share of all weight that is spread evenly after the label; `ALPHA`, 0: Bayes' rule alone.
    """
    m = weights.shape[0]
    total = 0.0
    value = 0.0
    for i in range(m):
        if p[i] == p[i]:
            q = clipped_nb(p[i])
            total += weights[i]
            value += weights[i] * (q if y > 0.5 else 1.0 - q)
    if not value > 0.0:
        return
    # Those awake share the weight that they had together; the others keep theirs.
    scale = total / value
    for i in range(m):
        if p[i] == p[i]:
            q = clipped_nb(p[i])
            weights[i] *= (q if y > 0.5 else 1.0 - q) * scale
        weights[i] = (1.0 - alpha) * weights[i] + alpha / m
