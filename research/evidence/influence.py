"""The model-influence gate: whether a strategy would have traded the same on other predictions.

In: a backtest of a strategy with a model. Out: for three other models, the share of its entries and of its
sizes that change. The learner is not run again: its words are replaced, and strategy and account go on
from there by the code that trades.

- *Constant*: the mean of all probabilities, at every row. Knows nothing.
- *Permuted*: the probabilities, handed to other rows (bars and symbols) at random. As sure, about others.
- *Flipped*: 2 × break-even − p, so that each edge changes its sign. As sure, of the opposite.

What follows from the probability (edge, confidence, Kelly's fraction) follows from the new one. A strategy
that would have traded the same against any of the three does not listen to its model, and fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.engine import UnifiedTradingEngine
from research.errors import BadValue
from research.evidence.voices import instead, spoken_by, voice
from research.kernels import account as ac
from research.kernels import belief as be
from research.kernels import signals as sg
from research.request import Request
from research.simulation.backtest import BacktestResult, backtest

__all__ = ["VARIANTS", "Change", "Influence", "influence", "influence_of"]

F64 = NDArray[np.float64]
VARIANTS = ("constant", "permuted", "flipped")
# The model decides where it decides at least half of what is done.
_LEAST = 0.5


@dataclass(frozen=True)
class Change:
    """What another model would have changed.

    Attributes
    ----------
    entries : float
        Share of entries that changed: those that only one of the two has, over those that either has. An
        entry is a symbol and a close at which one was decided.
    sizes : float
        Share of the entries that both have whose weight differs, the fraction of equity asked for; NaN where
        they have none in common. (Quantities follow equity: one other trade changes all that come after it.)
    before, after : int
        Entries with the model as it is, and with the other one.
    """

    entries: float
    sizes: float
    before: int
    after: int

    @property
    def passed(self) -> bool:
        """Whether at least half of the entries or of the sizes changed."""
        return self.entries >= _LEAST or self.sizes >= _LEAST


@dataclass(frozen=True)
class Influence:
    """What three other models would have changed.

    Attributes
    ----------
    strategy : str
    changes : mapping of str to Change
        By name in `VARIANTS`.
    lacks : str
        Why no model was ever fitted, where none was; else "".
    """

    strategy: str
    changes: Mapping[str, Change]
    lacks: str = ""

    @property
    def passed(self) -> bool:
        """Whether the strategy listens to its model: each of the others changes at least half."""
        return all(change.passed for change in self.changes.values())

    @property
    def silent(self) -> bool:
        """Whether no model, this one or another, led to an entry: then the gate has nothing to judge."""
        return not any(change.before or change.after for change in self.changes.values())

    @property
    def verdict(self) -> str:
        """What the gate says, in words."""
        if self.lacks:
            return f"cannot be judged: no model was ever fitted: {self.lacks}"
        if self.silent:
            return "cannot be judged: no entry, whatever its model says"
        return "passes" if self.passed else "FAILS: it does not listen to its model"

    @property
    def table(self) -> pl.DataFrame:
        """One row per variant: entries, sizes (shares), before, after (counts), passed."""
        return pl.DataFrame(
            {
                "predictions": list(self.changes),
                **{
                    name: [getattr(change, name) for change in self.changes.values()]
                    for name in ("entries", "sizes", "before", "after", "passed")
                },
            }
        )


def influence(request: Request, bars: pl.DataFrame, *, seed: int = 0) -> Influence:
    """Backtest a strategy with a model, and hold it against constant, permuted and flipped predictions.

    Parameters
    ----------
    request : Request
    bars : DataFrame
        A bar table.
    seed : int
        Of the permutation.

    Raises
    ------
    BadValue
        The strategy has no model.
    """
    if request.rule().model is None:
        raise BadValue(f"{request.strategy} has no model that could have an influence; choose one that has")
    return influence_of(backtest(request, bars), seed=seed)


def influence_of(result: BacktestResult, *, seed: int = 0) -> Influence:
    """Hold a finished backtest against constant, permuted and flipped predictions; see `influence`."""
    run = result.run
    spoken = spoken_by(result)
    if run is None:
        raise BadValue(f"this backtest of {result.request.strategy} holds no run to repeat; run it anew")
    changes = {}
    for name in VARIANTS:
        other = voice(result, _probability(name, spoken.predictions, seed), calibrated=False)
        engine = UnifiedTradingEngine.of(result.request, result.prepared, alter=instead(other))
        other_run = engine.repeat(run)
        weights = run.signals[sg.WEIGHT], other_run.signals[sg.WEIGHT]
        changes[name] = change((run.decided, other_run.decided), weights)
    return Influence(result.request.strategy, changes, spoken.lacks)


def change(decided: tuple[F64, F64], weights: tuple[F64, F64]) -> Change:
    """Compare the entries of two runs.

    Parameters
    ----------
    decided : two of (N, T, I) float64
        `Advance.decided`, before and after.
    weights : two of (N, T) float64
        Fraction of equity that the strategy asked for at each close.
    """
    ours, theirs = (run[:, :, ac.I_REASON] == ac.ENTERED for run in decided)
    both, either = ours & theirs, ours | theirs
    sides = [run[:, :, ac.I_SIDE] for run in decided]
    differ = ((weights[0] != weights[1]) | (sides[0] != sides[1])) & both
    return Change(
        entries=1.0 - float(both.sum() / either.sum()) if either.any() else 0.0,
        sizes=float(differ.sum() / both.sum()) if both.any() else float("nan"),
        before=int(ours.sum()),
        after=int(theirs.sum()),
    )


def _probability(variant: str, predictions: F64, seed: int) -> F64:
    """Return what another model says of each row that this one spoke of."""
    p = predictions[be.PROBABILITY]
    rows = np.isfinite(p)
    other = np.full(p.shape, np.nan)
    if variant == "constant":
        other[rows] = p[rows].mean() if rows.any() else np.nan
    elif variant == "permuted":
        other[rows] = np.random.default_rng(seed).permutation(p[rows])
    else:
        other[rows] = 2.0 * predictions[be.BREAK_EVEN][rows] - p[rows]
    return other
