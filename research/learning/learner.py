"""The online learner: matures labels, weighs and calibrates, retrains, predicts; advanced block by block.

Backtest and live runner drive this same object. For each block of bars:

1. Candidates of the block, and those still open, are walked as shadow trades by the broker kernel; the
   ones that close are the labels that settle, each at its own bar (`research.learning.labels`).
2. Champions and challengers say what they think of every row up to the next retraining, in one batch.
3. The jitted loop (`research.kernels.online`) goes bar by bar until a retraining is due: settle, weigh,
   calibrate, speak.
4. A retraining asks what the champions leaned on, on labels settled since the last one, settles the
   duels, fits challengers on labels settled by that close, and step 2 follows.

Chunk law: any split of the bars into blocks gives the same predictions, weights and models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.panel import Panel
from research.errors import DataError, OnepathError
from research.execution import Execution
from research.kernels import belief as be
from research.kernels import online
from research.kernels import signals as sg
from research.kernels.belief import new_belief
from research.kernels.online import refer_nb, speak_nb
from research.learning.ensemble import Ensemble
from research.learning.history import History
from research.learning.labels import ShadowBook, effective_size, uniqueness
from research.learning.leaning import leaned_on
from research.learning.model import FAILURES, in_one_line
from research.learning.seams import Seams
from research.learning.settings import LearningSettings
from research.learning.spoken import Happening, Spoken

__all__ = ["OnlineLearner"]

F64 = NDArray[np.float64]


class OnlineLearner:
    """Learn from every settled candidate and speak of every new one.

    Parameters
    ----------
    n_symbols : int
    settings : LearningSettings
    horizon : int
        Most bars that a candidate's trade lasts.
    execution : Execution
        Costs of the shadow trades.
    jobs : int
        Cores for fits and predictions; does not change a bit.
    on_bars : callable, optional
        Told how many bars were just gone through.
    seams : Seams, optional
        Where an audit watches.

    Attributes
    ----------
    belief : Belief
    ensemble : Ensemble
    history : History
        Feature rows and settled labels of the last bars.
    shadows : ShadowBook
        Trades whose labels are open.
    own : (N,) int64
        Bars that each symbol has had.
    bar : int
        Bars seen. With these six a learner goes on (`research.learning.kept`); they are not for others to
        change.
    """

    def __init__(
        self,
        n_symbols: int,
        settings: LearningSettings,
        horizon: int,
        execution: Execution,
        *,
        jobs: int = 1,
        on_bars: Callable[[int], None] | None = None,
        seams: Seams | None = None,
    ) -> None:
        self._on_bars = on_bars or _unheard
        self.settings = settings
        self._seams = seams or Seams()
        self.horizon = horizon
        self.ensemble = Ensemble(
            [settings.learner(name) for name in settings.learners],
            settings.names,
            seed=settings.seed,
            jobs=jobs,
        )
        self._vector = settings.vector(settings.first_labels(n_symbols, horizon))
        self.shadows = ShadowBook(n_symbols, horizon, execution)
        self.history = History(n_symbols, len(settings.names), settings.train_bars + self.ensemble.sequence)
        self.own = np.zeros(n_symbols, np.int64)
        self.bar = 0
        self._refused = ""
        self.belief = new_belief(
            n_symbols,
            len(settings.learners),
            memory=settings.memory(n_symbols),
            window=settings.window,
            slots=horizon + 4,
        )

    @property
    def experts(self) -> tuple[str, ...]:
        """Names of the experts, in the order of their weights."""
        return (*self.settings.learners, "base_rate", "equal_weight")

    @property
    def lacks(self) -> str | None:
        """Why there is no model yet, and what helps; None once there is one."""
        if self.ensemble.has_spoken:
            return None
        if self._refused:
            return self._refused
        settled, due = int(self.belief.carried[be.SETTLED]), int(self._vector[online.FIRST])
        return (
            f"the first fit needs {due} settled labels and {self.settings.retrain_every} bars, these bars "
            f"gave {settled} and {self.bar}; bring earlier bars or more symbols"
        )

    def advance(self, panel: Panel, features: F64, candidates: F64) -> Spoken:
        """Take the next bars.

        Parameters
        ----------
        panel : Panel
            B bars of N symbols.
        features : (K, N, B) float64
            What the models read, in the order of `settings.names`.
        candidates : (S, N, B) float64
            Signal rows of the trades whose labels are learned: entry, exit and protection, before the
            model is asked.

        Returns
        -------
        Spoken

        Raises
        ------
        OnepathError
            No learner is left.
        """
        n, size = features.shape[1:]
        own = np.isfinite(panel.close.T)
        counted = self.own[:, None] + np.cumsum(own, axis=1)
        asked = own & (counted > self.settings.lookback) & (candidates[sg.ENTRY] != 0.0)
        rows = candidates.copy()
        rows[sg.ENTRY] = np.where(asked, candidates[sg.ENTRY], 0.0)
        labels = self._seams.labels(self.shadows.advance(panel, rows), panel)
        self.history.append(features, labels)
        self.own = counted[:, -1].copy() if size else self.own

        experts = len(self.experts)
        learners = len(self.settings.learners)
        raw = np.full((2 * learners, n, size), np.nan)
        out, said = np.empty((be.N_PREDICTIONS, n, size)), np.empty((experts, n, size))
        weights = np.empty((experts, size))
        models: list[str] = []
        happenings: list[Happening] = []
        importance: list[pl.DataFrame] = []
        at, event, resumed = 0, 0, False
        while at < size:
            end = size
            if self.ensemble.has_spoken:
                left = self.settings.retrain_every - int(self.belief.carried[be.SINCE])
                # The bar of the next retraining is spoken of by the models that it fits.
                end = min(size, at + (left if resumed else max(left - 1, 1)))
                if resumed or left > 1:
                    end = self._ask(raw, asked, at, end, panel, happenings)
            reached, event, why = speak_nb(
                self.belief, self._vector, self.bar, at, end, resumed,
                labels.t_end, labels.symbol, labels.birth, labels.net, event, raw, asked, out, said, weights,
            )  # fmt: skip
            models += [self.ensemble.id] * (reached - at)
            self._on_bars(reached - at)
            at, resumed = reached, why != online.DONE
            if resumed:
                now = self.bar + at, panel.bar_close[at]
                told, leaned = self._lean(*now)
                importance += leaned
                happenings += told + self._retrain(*now, alarm=why == online.ALARM)
        self.bar += size
        shown = pl.concat(importance) if importance else pl.DataFrame()
        events, lacks = tuple(happenings), self.lacks or ""
        return Spoken(self.experts, out, said, weights, tuple(models), labels, events, shown, lacks)

    def _ask(
        self,
        raw: F64,
        asked: NDArray[np.bool_],
        at: int,
        end: int,
        panel: Panel,
        happenings: list[Happening],
    ) -> int:
        """Fill `raw` with what all models say of the rows in bars at..end−1; return how far they can.

        A learner that fails is dropped at the bar that it fails at, whatever was asked together with it:
        where that is a later one of these bars, they end before it and it is asked again.
        """
        symbol, bar = np.nonzero(asked[:, at:end])
        spoken, failed = self.ensemble.speak(self.history, symbol, self.bar + at + bar)
        for name, failure in failed.items():
            if failure.bar == self.bar + at:
                text = self.ensemble.drop(name, failure.why)
                happenings.append(Happening(failure.bar, panel.bar_close[at], "dropped", text))
                spoken[self.ensemble.rows_of(name)] = np.nan
            else:
                end = min(end, failure.bar - self.bar)
        self._require_learners()
        raw[:, :, at:end] = np.nan
        known = bar < end - at
        raw[:, symbol[known], at + bar[known]] = spoken[:, known]
        return end

    def _lean(self, bar: int, bar_close: np.datetime64) -> tuple[list[Happening], list[pl.DataFrame]]:
        """Return what failed, and what the champions leaned on of late; either may be none."""
        if not (self.settings.importance and self.ensemble.has_spoken):
            return [], []
        since = bar - int(self.belief.carried[be.SINCE])
        try:
            found = leaned_on(self.ensemble, self.history, self.settings, bar, since)
        except FAILURES as failure:  # a learner at fault is dropped when it is next asked to speak
            told = f"no importance: {in_one_line(failure)}"
            return [Happening(bar, bar_close, "skipped", told)], []
        at = pl.lit(bar_close).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("bar_close")
        return [], [found.select(at, pl.all())] if found.height else []

    def _retrain(self, bar: int, bar_close: np.datetime64, *, alarm: bool) -> list[Happening]:
        """Settle duels and fit challengers at the close of `bar`."""
        settings, belief, ensemble = self.settings, self.belief, self.ensemble
        told = []

        def tell(kind: str, text: str) -> None:
            told.append(Happening(bar, bar_close, kind, text))

        if alarm:
            tell("alarm", f"accuracy fell below {belief.carried[be.REFERENCE]:.3f}; retraining now")
        for text in ensemble.settle(belief.duel, settings.duel_labels):
            tell("duel", text)
        # Labels still open were spoken of by those who have left: they are no part of the next duel.
        for k in np.flatnonzero([model is None for model in ensemble.challengers]):
            belief.said[:, :, len(self.experts) + k] = np.nan
        settled = self.history.settled(bar, settings.train_bars, settings.max_rows)
        rows = self._seams.rows(settled, self.history, bar)
        failed: list[str] = []
        try:
            rows.require_classes()
            failed = ensemble.fit(self.history, rows, bar, _stamp(bar_close))
        except DataError as fault:
            # Rows that cannot be learned from today: go on with the models there are, and try next time.
            self._refused = str(fault)
            tell("skipped", f"fit refused: {fault}")
        else:
            effective = effective_size(uniqueness(rows.symbol, rows.birth, rows.t_end))
            tell("fit", f"{len(rows.y)} rows, {effective:.0f} effective, {rows.y.mean():.1%} won")
        for text in failed:
            tell("dropped", text)
        self._require_learners()
        belief.carried[be.SINCE] = 0.0
        refer_nb(belief, self._vector)
        self._seams.fitted(bar, ensemble, belief)
        return told

    def _require_learners(self) -> None:
        if len(self.ensemble.dropped) == len(self.ensemble.learners):
            whys = "; ".join(f"{name}: {why}" for name, why in self.ensemble.dropped.items())
            raise OnepathError(f"no learner is left in the mixture ({whys}); see the journal's events")


def _stamp(bar_close: np.datetime64) -> str:
    """Return a close as text, to the minute where that says all: models are told apart by it."""
    text = str(bar_close)
    return text if text[16:].strip(":0.") else text[:16]


def _unheard(_bars: int) -> None:
    """Tell nobody."""
