"""The seams of the pipeline: where an audit watches what passes from stage to stage, and may replace it.

In: nothing. Out: a record of functions that engine and learner call between their stages. By default each
returns what it was given. `research.evidence` reads the stages here, and plants its leaks here; nothing
that trades sets any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from research.data.aligned import Panel
    from research.kernels.belief import Belief
    from research.learning.ensemble import Ensemble
    from research.learning.history import History, Rows
    from research.learning.labels import Matured
    from research.learning.spoken import Spoken

__all__ = ["Seams"]

F64 = NDArray[np.float64]


def _panel(panel: Panel) -> Panel:
    return panel


def _features(features: F64, names: tuple[str, ...], panel: Panel) -> F64:
    return features


def _candidates(candidates: F64) -> F64:
    return candidates


def _labels(labels: Matured, panel: Panel) -> Matured:
    return labels


def _rows(rows: Rows, history: History, bar: int) -> Rows:
    return rows


def _fitted(bar: int, ensemble: Ensemble, belief: Belief) -> None:
    return None


def _spoken(spoken: Spoken, panel: Panel) -> Spoken:
    return spoken


def _signals(signals: F64, panel: Panel) -> F64:
    return signals


@dataclass(frozen=True)
class Seams:
    """What is called between the stages of a block, in the order of the stages.

    Attributes
    ----------
    panel : callable
        ``(panel) -> panel``: the adjusted bars.
    features : callable
        ``(features (K, N, T), names, panel) -> features``: all that strategy and models read.
    candidates : callable
        ``(candidates (S, N, T)) -> candidates``: the trades that labels are made of.
    labels : callable
        ``(labels, panel) -> labels``: what settled in the block, sorted by bar.
    rows : callable
        ``(rows, history, bar) -> rows``: what the fit at `bar` may learn from.
    fitted : callable
        ``(bar, ensemble, belief) -> None``: told after each retraining.
    spoken : callable
        ``(spoken, panel) -> spoken``: what the learner said, before the strategy reads it.
    signals : callable
        ``(signals (S, N, T), panel) -> signals``

    Examples
    --------
    >>> Seams().candidates(np.zeros((1, 1, 1))).shape
    (1, 1, 1)
    """

    panel: Callable[[Panel], Panel] = _panel
    features: Callable[[F64, tuple[str, ...], Panel], F64] = _features
    candidates: Callable[[F64], F64] = _candidates
    labels: Callable[[Matured, Panel], Matured] = _labels
    rows: Callable[[Rows, History, int], Rows] = _rows
    fitted: Callable[[int, Ensemble, Belief], None] = _fitted
    spoken: Callable[[Spoken, Panel], Spoken] = _spoken
    signals: Callable[[F64, Panel], F64] = _signals
