"""Why the model says what it says of a bar: what each feature adds to its log odds.

In: an online learner, a symbol, one of its latest bars. Out: a row per feature. Only a learner whose
library takes its trees apart can answer (LightGBM), and only the champion of now: models that have left
are not kept, so an earlier bar is explained by today's model, not by the one that spoke of it then.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.errors import BadValue
from research.learning.learner import OnlineLearner

__all__ = ["BASE", "explain"]

# The row that no feature has: what the model says of nobody in particular.
BASE = "(mean)"


@runtime_checkable
class _Explains(Protocol):
    """A fitted model that can say what each feature added."""

    def contributions(self, x: NDArray[np.float32]) -> NDArray[np.float64]: ...


def explain(learner: OnlineLearner, symbol: int, ago: int = 0) -> pl.DataFrame:
    """Take apart what the present champion says of a symbol at one of the latest bars.

    Parameters
    ----------
    learner : OnlineLearner
        `UnifiedTradingEngine.learner`.
    symbol : int
        Place in `UnifiedTradingEngine.symbols`.
    ago : int
        Bars back from the last one that the learner has seen; as far as its training window reaches.
        At 0 the champion is the one that spoke; earlier bars may have been spoken of by another.

    Returns
    -------
    DataFrame
        feature, value (NaN where the feature was undefined), contribution (log odds), largest
        contribution first; last a row "(mean)" without a value: the mean prediction. The contributions
        add up to the log odds of the champion's raw probability (before mixing and calibration).

    Raises
    ------
    BadValue
        No such symbol or bar, or no model yet that can be taken apart.

    Examples
    --------
    >>> from research.data import load_sample
    >>> from research.engine import UnifiedTradingEngine
    >>> from research.learning.settings import LearningSettings
    >>> names = ("ret_5", "vol_21", "rsi_2")
    >>> asked = LearningSettings(learners=("lightgbm",), features=names, min_labels=60, max_rows=200)
    >>> engine = UnifiedTradingEngine("mean_reversion_ml", symbols=["IBM"], learning=asked)
    >>> trained = engine.train_models(load_sample(["IBM"])[:600])
    >>> explain(engine.learner, engine.symbols.index("IBM")).columns
    ['feature', 'value', 'contribution']
    """
    history, names, count = learner.history, learner.settings.names, len(learner.belief.birth)
    if not 0 <= symbol < count:
        raise BadValue(
            f"`symbol` must be 0 … {count - 1}, was {symbol}; give a place in the engine's symbols"
        )
    if not 0 <= ago < len(history):
        raise BadValue(f"`ago` must be 0 … {len(history) - 1}, was {ago}; older bars are forgotten")
    model = next(
        (m.fitted for m in learner.ensemble.champions if m is not None and isinstance(m.fitted, _Explains)),
        None,
    )
    if model is None:
        raise BadValue(
            "only a fitted LightGBM model can be taken apart and there is none; "
            "have 'lightgbm' among the learners and enough bars for a fit"
        )
    x = history.inputs(np.array([symbol]), np.array([history.last - ago]), 1)
    if np.isnan(x).all():
        raise BadValue(f"symbol {symbol} has no features {ago} bars ago; choose a bar that it traded at")
    *added, base = model.contributions(x)[0].tolist()
    rows = pl.DataFrame(
        {"feature": list(names), "value": x[0, 0].astype(np.float64), "contribution": added},
        schema={"feature": pl.String, "value": pl.Float64, "contribution": pl.Float64},
    ).sort(pl.col("contribution").abs(), descending=True, maintain_order=True)
    mean = pl.DataFrame({"feature": [BASE], "value": [None], "contribution": [base]}, schema=rows.schema)
    return pl.concat([rows, mean])
