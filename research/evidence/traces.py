"""A run of the whole pipeline as a trace, stage by stage, and the first place where two traces differ.

In: bars and a pipeline. Out: for every stage, rows with the bar at which each was known; two traces can
then be compared over what both knew at an instant, by SHA-256 of the bytes.

The bars are advanced over in one block, as a backtest does, so that whatever follows an instant is in
memory while the rows before it are made. (A live engine has not seen it yet, and could not leak.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.advance import Advance
from research.data.aligned import Panel
from research.engine import UnifiedTradingEngine
from research.kernels import account as ac
from research.kernels.belief import Belief
from research.learning.ensemble import Ensemble
from research.learning.seams import Seams
from research.learning.settings import LearningSettings
from research.learning.spoken import Happening

__all__ = ["STAGES", "Difference", "Pipeline", "Stage", "Trace", "compare"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

STAGES = {
    "bars": "raw prices and volume, adjustment, splits and dividends",
    "features": "all that strategy and models read",
    "candidates": "the trades whose outcomes are labels",
    "labels": "settled labels, at the bar at which they settled",
    "fits": "models at each retraining: the bytes they are stored as",
    "calibration": "what the learner carries out of each retraining: calibration, win and loss sizes, ranks",
    "importance": "what the models leaned on, at each retraining",
    "events": "what happened to the learner: fits, alarms, duels, learners dropped",
    "weights": "of the experts",
    "predictions": "of each expert, mixed, calibrated, sized",
    "signals": "entries, exits, weights, protection",
    "intents": "what the account decided at each close, and what blocked it",
    "orders": "fills",
    "equity": "equity, cash, exposure",
}


class Stage(NamedTuple):
    """One stage of a run.

    Attributes
    ----------
    bar : (R,) int64, ascending
        The bar at whose close the row was known.
    symbol : (R,) int64
        Column of the panel; −1: all.
    values : (R, F) float64
        Bits that are compared; NaN equals NaN of the same bits.
    """

    bar: I64
    symbol: I64
    values: F64

    def known(self, t: int) -> Stage:
        """Return the rows known at the close of bar `t`."""
        end = int(np.searchsorted(self.bar, t, side="right"))
        return Stage(self.bar[:end], self.symbol[:end], self.values[:end])

    def sha256(self) -> str:
        """Return the digest of all rows."""
        parts = (np.ascontiguousarray(part) for part in self)
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


class Difference(NamedTuple):
    """Where two traces first differ.

    Attributes
    ----------
    stage : str
    bar : int
    symbol : str
        "" where the row is of all symbols.
    stages : tuple of str
        Every stage that differs, in the pipeline's order.
    """

    stage: str
    bar: int
    symbol: str
    stages: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Trace:
    """What a run knew, and when.

    Attributes
    ----------
    symbols : tuple of str
    bar_close : (T,) datetime64[us]
    stages : mapping of str to Stage
        Those of `STAGES` that the strategy has.
    """

    symbols: tuple[str, ...]
    bar_close: NDArray[np.datetime64]
    stages: Mapping[str, Stage]


@dataclass(frozen=True)
class Pipeline:
    """What is run: the engine of a strategy with its settings.

    Attributes
    ----------
    strategy : str
    symbols : tuple of str
    learning : LearningSettings, optional
    params : mapping
    """

    strategy: str
    symbols: tuple[str, ...]
    learning: LearningSettings | None = None
    params: Mapping[str, object] = field(default_factory=dict)

    def trace(self, bars: pl.DataFrame, planted: Seams | None = None) -> Trace:
        """Run everything over `bars` from the first one on.

        Parameters
        ----------
        bars : DataFrame
            A bar table of these symbols; any of them may have no bar.
        planted : Seams, optional
            A leak.

        Returns
        -------
        Trace
        """
        watch = _Watch(planted or Seams())
        engine = UnifiedTradingEngine(
            self.strategy, symbols=self.symbols, params=self.params, learning=self.learning, seams=watch.seams
        )
        brought = engine.advance(bars)
        return Trace(self.symbols, brought.panel.bar_close, watch.stages(brought))


class _Watch:
    """Note what passes the seams, behind whatever is planted there."""

    def __init__(self, planted: Seams) -> None:
        self._planted = planted
        self._features: F64 = np.empty((0, 0, 0))
        self._candidates: F64 | None = None
        self._fits: list[tuple[int, F64, F64]] = []
        self.seams = Seams(
            panel=planted.panel,
            features=self._see_features,
            candidates=self._see_candidates,
            labels=planted.labels,
            rows=planted.rows,
            fitted=self._see_fit,
            spoken=planted.spoken,
            signals=planted.signals,
        )

    def _see_features(self, features: F64, names: tuple[str, ...], panel: Panel) -> F64:
        self._features = self._planted.features(features, names, panel)
        return self._features

    def _see_candidates(self, candidates: F64) -> F64:
        self._candidates = self._planted.candidates(candidates)
        return self._candidates

    def _see_fit(self, bar: int, ensemble: Ensemble, belief: Belief) -> None:
        self._planted.fitted(bar, ensemble, belief)
        files = ensemble.files()
        models = _digest(name.encode() + files[name] for name in sorted(files))
        self._fits.append((bar, models, _digest(part.tobytes() for part in belief)))

    def stages(self, brought: Advance) -> dict[str, Stage]:
        """Return all stages of the run."""
        panel = brought.panel
        prices = (panel.open, panel.high, panel.low, panel.close, panel.volume)
        actions = (panel.factor, panel.split, panel.dividend)
        found = {
            "bars": _grid(np.stack([x.T for x in (*prices, *actions)])),
            "features": _grid(self._features),
        }
        if brought.spoken is not None and self._candidates is not None:
            spoken = brought.spoken
            labels = spoken.labels
            found["candidates"] = _grid(self._candidates)
            found["labels"] = Stage(
                labels.t_end,
                labels.symbol,
                np.stack((labels.birth, labels.net, labels.reason), axis=1).astype(np.float64),
            )
            bar = np.array([fit[0] for fit in self._fits], np.int64)
            for k, name in enumerate(("fits", "calibration"), start=1):
                digests = np.array([fit[k] for fit in self._fits]).reshape(bar.size, 4)
                found[name] = Stage(bar, np.full(bar.size, -1), digests)
            found["importance"] = _leaned(spoken.importance, panel)
            found["events"] = _events(spoken.happenings)
            found["weights"] = _series(spoken.weights)
            found["predictions"] = _grid(np.concatenate((spoken.said, spoken.predictions)))
        decided = np.concatenate((brought.decided.transpose(2, 0, 1), brought.gates[None]))
        orders = brought.orders
        found["signals"] = _grid(brought.signals)
        found["intents"] = _grid(decided)
        found["orders"] = Stage(
            orders[:, ac.O_BAR].astype(np.int64), orders[:, ac.O_SYMBOL].astype(np.int64), orders
        )
        found["equity"] = _series(np.stack((brought.equity, brought.cash, brought.exposure)))
        return found


def _digest(parts: Iterable[bytes]) -> F64:
    """Return the SHA-256 of some bytes as four numbers, so that it fits a row."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return np.frombuffer(whole.digest(), dtype=np.float64)


def _leaned(importance: pl.DataFrame, panel: Panel) -> Stage:
    """Return importances, in the order of the features, by the bar of the retraining."""
    if not importance.width:
        return Stage(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2)))
    when = importance["bar_close"].dt.replace_time_zone(None).to_numpy()
    values = np.ascontiguousarray(importance.select("importance", "spread").to_numpy(), dtype=np.float64)
    return Stage(np.searchsorted(panel.bar_close, when), np.full(len(when), -1), values)


def _events(happenings: Sequence[Happening]) -> Stage:
    """Return what happened to the learner: one digest per event."""
    bar = np.array([h.bar for h in happenings], np.int64)
    digests = [_digest([f"{h.bar_close} {h.kind} {h.text}".encode()]) for h in happenings]
    return Stage(bar, np.full(bar.size, -1), np.array(digests).reshape(bar.size, 4))


def _grid(values: F64) -> Stage:
    """Return (F, N, T) values as rows by bar, then symbol."""
    f, n, t = values.shape
    rows = np.ascontiguousarray(values.transpose(2, 1, 0)).reshape(t * n, f)
    return Stage(np.repeat(np.arange(t), n), np.tile(np.arange(n), t), rows)


def _series(values: F64) -> Stage:
    """Return (F, T) values as rows by bar."""
    t = values.shape[1]
    return Stage(np.arange(t), np.full(t, -1), np.ascontiguousarray(values.T))


def compare(one: Trace, other: Trace, t: int) -> Difference | None:
    """Return where two runs differ in what they knew at the close of bar `t`.

    Parameters
    ----------
    one, other : Trace
        Of one pipeline.
    t : int

    Returns
    -------
    Difference or None
    """
    known = {name: (one.stages[name].known(t), other.stages[name].known(t)) for name in one.stages}
    differing = tuple(name for name, (a, b) in known.items() if a.sha256() != b.sha256())
    if not differing:
        return None
    a, b = known[differing[0]]
    row = _first_row(a, b)
    bar, symbol = min((int(s.bar[row]), int(s.symbol[row])) for s in (a, b) if row < s.bar.size)
    return Difference(differing[0], bar, one.symbols[symbol] if symbol >= 0 else "", differing)


def _first_row(a: Stage, b: Stage) -> int:
    """Return the first row in which two stages differ."""
    n = min(a.bar.size, b.bar.size)
    bits = (x.values[:n].view(np.int64) for x in (a, b))
    same = (a.bar[:n] == b.bar[:n]) & (a.symbol[:n] == b.symbol[:n])
    same &= np.equal(*bits).all(axis=1)
    return n if same.all() else int(np.argmin(same))
