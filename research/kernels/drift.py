"""Shiryaev–Roberts e-detector of a hit rate that has fallen below its reference.

In: per bar, the mean of the hits of the labels that matured at it, pooled over all symbols. Out: one number M
that grows while hits are too few.

    M ← (M + 1)·(1 + λ·(m₀ − x)),   λ = 0.6, m₀ = reference accuracy − 0.01, alarm at M ≥ 2520

As long as x is on average at least m₀ *given what came before*, M grows by no more than 1 per update, so
alarms are at least 2,520 updates apart on average, whatever the distribution of x and the correlation of
symbols.

Labels that overlap break the condition: yesterday's labels already tell most of today's. With a 20-bar label
on every bar `detect_nb` gives 4 to 18 false alarms where one is allowed; and 3 to 15 where the labels of each
symbol follow one another but those of other, correlated symbols overlap, which no uniqueness by symbol shows.
`detect_overlap_nb` takes turns: as many detectors as a label lives bars, one per bar in rotation, so each of
them sees labels that share no bar with those it saw before. By measurement, not by theorem, it holds the
rate: 0.4 to 0.7. Its delay is longer, since overlapping labels know less: 750 to 1,230 bars from 53 to 47 %,
against 160 to 230. ``python -m tests.studies drift`` measures all of it.

Source: Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection",
2024, after Shiryaev 1963 and Roberts 1966.
"""

from __future__ import annotations

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["ALARM", "LAMBDA", "LAMBDA_OVERLAP", "MARGIN", "detect_nb", "detect_overlap_nb"]

LAMBDA = 0.6  # bet per unit of x
LAMBDA_OVERLAP = 1.2  # each detector bets on few updates, so on each of them more
MARGIN = 0.01  # an accuracy this far below the reference is no drift yet
ALARM = 2520.0  # bars between false alarms, on average, at least: ten years of days


@njit
def detect_nb(m: float, x: float, reference: float) -> float:
    """Return M after one more bar, for labels that do not overlap.

    Parameters
    ----------
    m : float
        M before it, 0 at the start. A value at or above `ALARM` was an alarm: M starts again from 0.
    x : float
        Mean of the hits (0 or 1) of the labels that matured at this bar; NaN: none did, and M stays.
    reference : float
        Accuracy that the model was taken for, as a mean over bars of such means.

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


@njit
def detect_overlap_nb(turns: Array, bar: int, x: float, reference: float) -> float:
    """Return ΣM after one more bar, for labels that overlap.

    Parameters
    ----------
    turns : (h,) float64, changed in place
        M of each detector, 0 at the start. h is the longest that a label can take from the close that decides
        on it to its end, in bars. With ΣM at or above `ALARM` there was an alarm: all start again from 0.
    bar : int
        Count of this bar over the engine's life; its turn is `bar` modulo h.
    x, reference : float
        As for `detect_nb`; a reference below 0.18 would leave the detector nothing to bet.

    Returns
    -------
    float
        ΣM ≥ 0. An alarm is a value ≥ `ALARM`, and lasts for this one bar: each M grows by at most 1 in h bars
        on average, so ΣM by at most 1 per bar.
    """
    h = turns.shape[0]
    before = 0.0
    for j in range(h):
        before += turns[j]
    if before >= ALARM:
        for j in range(h):
            turns[j] = 0.0
    turn = bar % h
    if x == x:
        factor = 1.0 + LAMBDA_OVERLAP * (reference - MARGIN - x)
        turns[turn] = (turns[turn] + 1.0) * max(factor, 0.0)
    # Summed afresh: the total is a function of the state alone.
    total = 0.0
    for j in range(h):
        total += turns[j]
    return total
