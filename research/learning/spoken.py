"""What a learner said over a block of bars, and what happened to it. Arrays and words; no models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.kernels.belief import PREDICTION_NAMES
from research.learning.labels import Matured

__all__ = ["Happening", "Spoken"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Happening:
    """Something a learner did or met that must not stay silent.

    Attributes
    ----------
    bar : int
    bar_close : numpy.datetime64
    kind : str
        "fit", "alarm", "duel", "dropped" or "skipped".
    text : str
    """

    bar: int
    bar_close: np.datetime64
    kind: str
    text: str


@dataclass(frozen=True)
class Spoken:
    """What a block brought from the learner.

    Attributes
    ----------
    experts : tuple of str, length M
        Learners, then "base_rate" and "equal_weight".
    predictions : (Q, N, B) float64
        Rows of `research.kernels.belief`; NaN where the model does not speak.
    said : (M, N, B) float64
        Raw probability of each expert.
    weights : (M, B) float64
    models : tuple of str, length B
        Id of the ensemble that spoke at each bar; "" none.
    labels : Matured
        Labels that settled in the block.
    happenings : tuple of Happening
    importance : DataFrame
        bar_close, feature, importance, spread (`research.learning.importance`): a row per feature and
        retraining; no columns where none was taken.
    lacks : str
        Why no model had been fitted by the end of the block, and what helps; "" where one had.
    """

    experts: tuple[str, ...]
    predictions: F64
    said: F64
    weights: F64
    models: tuple[str, ...]
    labels: Matured
    happenings: tuple[Happening, ...]
    importance: pl.DataFrame
    lacks: str = ""

    def columns(self, output: str) -> tuple[tuple[str, ...], F64]:
        """Return what the model gave as rows beside the features.

        Parameters
        ----------
        output : str
            Name of the probability.

        Returns
        -------
        tuple of str, (Q + 2M, N, B) float64
            The predictions, each expert's probability (p_…) and weight (w_…).
        """
        names = (
            output,
            *PREDICTION_NAMES[1:],
            *(f"p_{name}" for name in self.experts),
            *(f"w_{name}" for name in self.experts),
        )
        weights = np.broadcast_to(self.weights[:, None, :], self.said.shape)
        return names, np.concatenate((self.predictions, self.said, weights))
