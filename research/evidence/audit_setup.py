"""What an audit runs on by default: a span of the bars, and learning settings that are complete and cheap.

In: a bar table. Out: the part of it that is audited. A run is repeated dozens of times, so both are small.
"""

from __future__ import annotations

import polars as pl

from research.learning.settings import LearningSettings

__all__ = ["AFTER", "audit_bars", "audit_settings"]

AFTER = 60
"""Bars that a run goes on after the instant: longer than any planted leak looks ahead."""

_SPAN = slice(740, 1740)  # of the sample's instants


def audit_bars(bars: pl.DataFrame) -> pl.DataFrame:
    """Cut a bar table to the span of an audit: 1,000 instants, splits and a symbol's first bar among them.

    Parameters
    ----------
    bars : DataFrame

    Returns
    -------
    DataFrame
        Instants 740 to 1739 of the table; of a shorter one, the last 1,000.
    """
    instants = bars["bar_close"].unique().sort()
    kept = instants[_SPAN] if len(instants) >= _SPAN.stop else instants[-(_SPAN.stop - _SPAN.start) :]
    return bars.filter(pl.col("bar_close").is_between(kept[0], kept[-1]))


def audit_settings(*, retrain_every: int = 21) -> LearningSettings:
    """Return learning settings that are complete and cheap: a fit of each core learner in milliseconds.

    Parameters
    ----------
    retrain_every : int
        Bars.

    Returns
    -------
    LearningSettings
    """
    return LearningSettings(
        features=("vol_21", "ret_5", "ret_21", "z_20", "rsi_2", "dist_sma_20"),
        retrain_every=retrain_every,
        train_bars=300,
        min_labels=100,
        max_rows=300,
        window=126,
        drift_labels=100,
        tuning={
            "random_forest": {"trees": 5, "depth": 3},
            "gradient_boosting": {"trees": 5},
            "lightgbm": {"trees": 5},
        },
    )
