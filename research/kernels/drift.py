"""Shiryaev–Roberts e-detector of a hit rate that has fallen below its reference.

In: per bar, the mean of the hits of the labels that matured at it, pooled over all symbols. Out: one number M
that grows while hits are too few.

    M ← (M + 1)·(1 + λ·(m₀ − x)),   λ = 0.6, m₀ = reference accuracy − 0.01, alarm at M ≥ 2520

As long as x is on average at least m₀ given what came before, M grows by no more than 1 per update, so alarms
are at least 2,520 updates apart on average, whatever the distribution of x and the correlation of symbols.

Source: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
2024, after Shiryaev 1963 and Roberts 1966.
"""

from __future__ import annotations

from research.kernels.jit import njit

__all__ = ["ALARM", "LAMBDA", "MARGIN", "detect_nb"]

LAMBDA = 0.6  # bet per unit of x; 1 + λ(m₀ − 1) stays above 0 for every m₀
MARGIN = 0.01  # an accuracy this far below the reference is none
ALARM = 2520.0  # updates between false alarms, on average, at least: ten years of days


@njit
def detect_nb(m: float, x: float, reference: float) -> float:
    """Return M after one more bar.

    Parameters
    ----------
    m : float
        M before it, 0 at the start. A value at or above `ALARM` was an alarm: M starts again from 0.
    x : float
        Mean of the hits (0 or 1) of the labels that matured at this bar; NaN: none did, and M stays.
    reference : float
        Accuracy that the model was taken for.

    Returns
    -------
    float
        ≥ 0. An alarm is a value ≥ `ALARM`, and lasts for this one bar.
    """
    if m >= ALARM:
        m = 0.0
    if not x == x:
        return m
    return (m + 1.0) * (1.0 + LAMBDA * (reference - MARGIN - x))
