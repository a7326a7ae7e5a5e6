"""Other voices in place of the ensemble's: what the predictions would have been, had they spoken.

In: a run whose model spoke, and for every row that it spoke of another probability. Out: predictions in
the rows that strategies read. Edge, confidence and Kelly fraction follow from the new probability in the
very loop that the learner runs (`research.kernels.online`), on the labels that had settled by then.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.engine import Alter
from research.errors import BadValue
from research.kernels import belief as be
from research.kernels import online
from research.kernels.belief import new_belief
from research.kernels.online import speak_nb
from research.learning.settings import LearningSettings
from research.learning.spoken import Spoken
from research.simulation.backtest import BacktestResult

__all__ = ["instead", "learning_of", "said_by", "spoken_by", "voice"]

F64 = NDArray[np.float64]
# A pull that holds the calibration at "leave it alone", and a fit that is never due.
_UNMOVED, _NEVER = 1e12, 1e18


def spoken_by(result: BacktestResult) -> Spoken:
    """Return what the model of a backtest said.

    Raises
    ------
    BadValue
        Its strategy has no model.
    """
    if result.spoken is None:
        raise BadValue(
            f"{result.request.strategy} has no model whose words could be changed; choose one that has"
        )
    return result.spoken


def learning_of(result: BacktestResult) -> LearningSettings:
    """Return how the model of a backtest learned."""
    return result.request.learning or LearningSettings()


def said_by(result: BacktestResult, expert: str) -> F64:
    """Return the raw probabilities of one expert, (N, T); NaN where it did not speak."""
    spoken = spoken_by(result)
    probabilities: F64 = spoken.said[spoken.experts.index(expert)]
    return probabilities


def voice(result: BacktestResult, probability: F64, *, calibrated: bool) -> F64:
    """Return the predictions of one voice that speaks alone.

    Parameters
    ----------
    result : BacktestResult
        Of a strategy with a model.
    probability : (N, T) float64
        Of label 1; read where the model spoke, clipped to [0.01, 0.99] as every expert's is.
    calibrated : bool
        Whether Platt's line is fitted to this voice as it is to the mixture; else what it says stands.

    Returns
    -------
    (Q, N, T) float64
        Rows of `research.kernels.belief`; NaN where the model did not speak.
    """
    spoken, learning = spoken_by(result), learning_of(result)
    asked = np.isfinite(spoken.predictions[be.PROBABILITY])
    n, size = asked.shape
    settings = learning.vector(1)
    settings[[online.EVERY, online.FIRST, online.SHARE]] = _NEVER, _NEVER, 0.0
    if not calibrated:
        settings[online.RIDGE] = _UNMOVED
    belief = new_belief(
        n,
        1,
        memory=learning.memory(n),
        window=learning.window,
        slots=int(result.prepared.params["time_limit"]) + 4,
    )
    belief.weights[:] = 1.0, 0.0, 0.0  # it alone; the plain experts beside it are not heard
    raw = np.full((2, n, size), np.nan)
    raw[0] = np.where(asked, probability, np.nan)
    out = np.empty((be.N_PREDICTIONS, n, size))
    said, weights = np.empty((3, n, size)), np.empty((3, size))
    labels = spoken.labels
    speak_nb(
        belief, settings, 0, 0, size, False,
        labels.t_end, labels.symbol, labels.birth, labels.net, 0, raw, asked, out, said, weights,
    )  # fmt: skip
    return out


def instead(predictions: F64) -> Alter:
    """Return an `alter` that puts these predictions in the place of what the model said."""
    return lambda _: predictions
