"""Coverage against accuracy: how often the model is right where it is surer than a threshold.

In: what a model said, and the labels that settled. Out: a row per threshold of its confidence. A threshold
on confidence is worth its price in trades only where accuracy rises along this curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from research.kernels import belief as be
from research.learning.labels import effective_size, uniqueness
from research.learning.spoken import Spoken

__all__ = ["THRESHOLDS", "coverage_curve"]

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(20))


def coverage_curve(
    spoken: Spoken, *, first: int = 0, thresholds: Sequence[float] = THRESHOLDS
) -> pl.DataFrame:
    """Return how many settled predictions are surer than each threshold, and how many of those came true.

    Parameters
    ----------
    spoken : Spoken
        Of one block that begins with the learner's first bar.
    first : int
        Predictions made at earlier bars are left out.
    thresholds : sequence of float
        Of confidence.

    Returns
    -------
    pl.DataFrame
        threshold; coverage (share of the settled predictions whose confidence is above it); accuracy
        (share of those whose p > ½ was the label, NaN for none); won (share of those whose label was 1:
        what "always yes" would have scored); n (how many); effective_n (Σ of their average uniqueness,
        since labels that overlap repeat each other).

    Notes
    -----
    R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", 2010, name the
    curve of risk against coverage.
    """
    labels = spoken.labels
    p = spoken.predictions[be.PROBABILITY][labels.symbol, labels.birth]
    confidence = spoken.predictions[be.CONFIDENCE][labels.symbol, labels.birth]
    known = np.isfinite(p) & np.isfinite(confidence) & (labels.birth >= first)
    won = labels.net > 0.0
    right = (p > 0.5) == won
    rows = []
    for threshold in thresholds:
        sure = known & (confidence > threshold)
        n = int(sure.sum())
        unique = uniqueness(labels.symbol[sure], labels.birth[sure], labels.t_end[sure]) if n else np.empty(0)
        rows.append(
            {
                "threshold": float(threshold),
                "coverage": n / max(int(known.sum()), 1),
                "accuracy": float(right[sure].mean()) if n else float("nan"),
                "won": float(won[sure].mean()) if n else float("nan"),
                "n": n,
                "effective_n": effective_size(unique) if n else 0.0,
            }
        )
    return pl.DataFrame(rows)
