"""Planted leaks of learning: labels, and fits on labels, that have not settled.

In: nothing. Out: `PLANTED`, by name: words, strategy and seam.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from research.data.aligned import Panel
from research.kernels.belief import REFERENCE, Belief
from research.learning.ensemble import Ensemble
from research.learning.history import History, Rows
from research.learning.labels import Matured
from research.learning.seams import Seams

__all__ = ["PLANTED"]

F64 = NDArray[np.float64]
_AHEAD = 10  # bars


def _close(panel: Panel) -> F64:
    return np.asarray((panel.close * panel.factor).T, order="C")


def _sorted(labels: Matured) -> Matured:
    order = np.lexsort((labels.birth, labels.symbol, labels.t_end))
    t_end, symbol, birth, reason = (
        x[order] for x in (labels.t_end, labels.symbol, labels.birth, labels.reason)
    )
    return Matured(t_end, symbol, birth, labels.net[order], reason)


def _at_birth(labels: Matured, panel: Panel) -> Matured:
    """Settle a label one bar after its birth, whenever its trade closes."""
    return _sorted(labels._replace(t_end=labels.birth + 1))


def _best_exit(labels: Matured, panel: Panel) -> Matured:
    """Let a label be the best close of the bars that follow its settlement, too."""
    close = _close(panel)
    best = np.array(
        [np.nanmax(close[s, t : t + _AHEAD]) for s, t in zip(labels.symbol, labels.t_end, strict=True)]
    )
    now = close[labels.symbol, labels.t_end]
    return labels._replace(net=labels.net + best / now - 1.0)


def _overlapping(rows: Rows, history: History, bar: int) -> Rows:
    """Fit on rows born before the fit, settled or not."""
    every = history.settled(bar + _AHEAD, 300, 10_000)
    born = every.birth <= bar
    symbol, birth, t_end = (x[born] for x in (every.symbol, every.birth, every.t_end))
    return Rows(symbol, birth, t_end, *(x[born] for x in (every.y, every.net, every.weight)))


def _everything(rows: Rows, history: History, bar: int) -> Rows:
    """Fit on the whole sample, as a model does that is made once and then backtested."""
    return history.settled(history.last, 10_000, 300)


def _weighed_by_all(rows: Rows, history: History, bar: int) -> Rows:
    """Weigh rows by how unique they are among all labels, those to come included."""
    every = history.settled(history.last, 10_000, 1_000_000)
    weights = dict(zip(zip(every.symbol, every.birth, strict=True), every.weight, strict=True))
    known = [weights[row] for row in zip(rows.symbol, rows.birth, strict=True)]
    return rows._replace(weight=np.array(known))


class _Foretold:
    """Hold the drift detector to the hit rate that "always the commoner label" has over the whole run."""

    def __init__(self) -> None:
        self._rate = 0.5

    def labels(self, labels: Matured, panel: Panel) -> Matured:
        won = float(np.mean(labels.net > 0.0)) if labels.net.size else 0.5
        self._rate = max(won, 1.0 - won)
        return labels

    def fitted(self, bar: int, ensemble: Ensemble, belief: Belief) -> None:
        belief.carried[REFERENCE] = self._rate


_foretold = _Foretold()

PLANTED: Mapping[str, tuple[str, str, Seams]] = {
    "label_at_birth": (
        "labels settled before their trades have closed",
        "ml_driven",
        Seams(labels=_at_birth),
    ),
    "best_exit": (
        "labels that know the best close after they settled",
        "ml_driven",
        Seams(labels=_best_exit),
    ),
    "overlapping_labels": ("fits on labels that have not settled", "ml_driven", Seams(rows=_overlapping)),
    "weights_of_all": (
        "fits weighed by overlap with labels to come",
        "ml_driven",
        Seams(rows=_weighed_by_all),
    ),
    "drift_reference": (
        "drift watched for against the hit rate of the whole run",
        "ml_driven",
        Seams(labels=_foretold.labels, fitted=_foretold.fitted),
    ),
    "fit_on_everything": (
        "models fitted once, on the whole sample",
        "mean_reversion_ml",
        Seams(rows=_everything),
    ),
}
