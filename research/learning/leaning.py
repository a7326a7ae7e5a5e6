"""What an ensemble leans on: permutation importance of its champions, on labels they were not fitted on.

In: an ensemble and its history, at a retraining. Out: a frame of one line per feature.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from research.learning.ensemble import Ensemble
from research.learning.history import History
from research.learning.importance import permutation_importance
from research.learning.settings import LearningSettings

__all__ = ["leaned_on"]

# Labels that overlap repeat each other, so a few rows say what many would.
_ROWS: Final = 36
_REPEATS: Final = 2


def leaned_on(
    ensemble: Ensemble, history: History, settings: LearningSettings, bar: int, since: int
) -> pl.DataFrame:
    """Measure what the champions lean on at the close of `bar`.

    Parameters
    ----------
    ensemble : Ensemble
        With a champion.
    history : History
    settings : LearningSettings
    bar : int
        Labels settled by its close are asked about.
    since : int
        The bar of the last retraining: labels settled by then may have been fitted on, and are not.

    Returns
    -------
    DataFrame
        feature, importance, spread; empty where fewer than two labels have settled, or none has a weight.
    """
    rows = history.settled(bar, settings.train_bars, _ROWS, after=since)
    if rows.y.size < 2 or not rows.weight.any():
        return pl.DataFrame()
    return permutation_importance(
        ensemble.opinion,
        history.inputs(rows.symbol, rows.birth, ensemble.sequence),
        rows.y,
        rows.weight,
        settings.names,
        seed=settings.seed + bar,
        repeats=_REPEATS,
    )
