"""From bars to signals: what is read of a block, what a model says of it, what the strategy then wants.

In: a block's panel. Out: a `Read`: feature rows, the model's words, signal rows. Features and models are
carried from block to block; any split of the bars gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel
from research.execution import Execution
from research.features.matrix import FeatureStream
from research.learning.seams import Seams
from research.strategies.base import Params, Strategy

if TYPE_CHECKING:
    from research.learning.learner import OnlineLearner
    from research.learning.settings import LearningSettings
    from research.learning.spoken import Spoken

__all__ = ["Alter", "Read", "Reader"]

F64 = NDArray[np.float64]
Alter = Callable[[F64], F64]


class Read(NamedTuple):
    """What was read of a block, and what the strategy wants.

    Attributes
    ----------
    names : tuple of str, length K
    features : (K, N, T) float64
        The strategy's features and, where it has a model, the rows that the model gave.
    signals : (S, N, T) float64
    spoken : Spoken or None
    """

    names: tuple[str, ...]
    features: F64
    signals: F64
    spoken: Spoken | None


class Reader:
    """Read blocks of bars for a strategy.

    Parameters
    ----------
    strategy : Strategy
    params : mapping
        All of its parameters.
    symbols : sequence of str
    execution : Execution
        Costs of the trades that labels are made of.
    learning : LearningSettings or None
        How its model learns; None: it has none.
    jobs, alter, on_bars, seams
        As for `UnifiedTradingEngine`.
    """

    def __init__(
        self,
        strategy: Strategy,
        params: Params,
        symbols: Sequence[str],
        execution: Execution,
        *,
        learning: LearningSettings | None,
        jobs: int,
        alter: Alter | None,
        on_bars: Callable[[int], None] | None,
        seams: Seams,
    ) -> None:
        self.strategy, self.params, self.alter, self.seams = strategy, params, alter, seams
        self.names = strategy.features(params)
        self.learner: OnlineLearner | None = None
        if learning is None:
            self.stream = FeatureStream(symbols, self.names)
            return
        from research.learning.learner import OnlineLearner  # its libraries: not for every strategy

        together = tuple(dict.fromkeys((*self.names, *learning.names)))
        self.stream = FeatureStream(symbols, together)
        self._own = np.array([together.index(name) for name in self.names])
        self._models = np.array([together.index(name) for name in learning.names])
        self.learner = OnlineLearner(
            len(symbols),
            learning,
            int(params["time_limit"]),
            execution,
            jobs=jobs,
            on_bars=on_bars,
            seams=seams,
        )

    def read(self, panel: Panel) -> Read:
        """Continue over a block what is read, learned and wanted."""
        matrix = self.seams.features(self.stream.advance(panel), self.stream.names, panel)
        if self.learner is None or self.strategy.model is None:
            signals = self.seams.signals(self.strategy.signals(matrix, self.params), panel)
            return Read(self.names, matrix, signals, None)
        features = matrix[self._own]
        candidates = self.seams.candidates(self.strategy.candidates(features, self.params))
        spoken = self.seams.spoken(self.learner.advance(panel, matrix[self._models], candidates), panel)
        names, said = spoken.columns(self.strategy.model.output)
        signals = self.heard(panel, features, spoken)
        return Read((*self.names, *names), np.concatenate((features, said)), signals, spoken)

    def heard(self, panel: Panel, features: F64, spoken: Spoken) -> F64:
        """Return what the strategy wants, given what its model said: (S, N, T).

        Parameters
        ----------
        panel : Panel
        features : (K, N, T) float64
            The strategy's, and any rows after them.
        spoken : Spoken
        """
        predictions = spoken.predictions if self.alter is None else self.alter(spoken.predictions)
        own = features[: len(self.names)]
        return self.seams.signals(self.strategy.signals(own, self.params, predictions), panel)
