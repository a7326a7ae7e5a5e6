"""The one engine: bars in, intents out. Backtest, sweep, replay and live all drive it.

For each block of bars, however long (live is a block of one):

1. `Intake` aligns and adjusts the new bars from what it carries.
2. `Reader` continues every feature that the strategy reads, asks its model, if it has one, and lets it
   turn both into signal rows, close by close.
3. `trade` walks the bars: what was decided at the last close fills at this open, protection acts inside
   the bar, and at the close the next intents are decided.

Nothing in here knows whether the bars are old or new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from research.advance import Advance
from research.data.panel import Panel
from research.errors import BadValue, NotEnoughHistory
from research.execution import Execution
from research.intake import Intake
from research.kernels.account import new_account
from research.learning.seams import Seams
from research.reading import Alter, Read, Reader
from research.request import Prepared, Request
from research.saved import arguments_in, learning_in, load_all, load_models, read_container, snapshot_of
from research.strategies import strategy_named
from research.trading import Fill, trade

if TYPE_CHECKING:
    from research.learning.learner import OnlineLearner
    from research.learning.settings import LearningSettings

__all__ = ["Alter", "Fill", "UnifiedTradingEngine"]

_ALWAYS = np.datetime64("0001-01-01", "us")
_NEVER = np.datetime64("9999-12-31", "us")


class UnifiedTradingEngine:
    """Advance a strategy and its account over bars, block by block.

    Parameters
    ----------
    strategy : str
        A name in `STRATEGIES`.
    initial_capital : float
        USD.
    symbols : sequence of str, optional
        Columns of every block. Default: those of the first block.
    params : mapping, optional
        Parameters that differ from the strategy's defaults.
    execution : Execution, optional
        Costs and rules of a fill.
    trade_from : numpy.datetime64, optional
        The first close that may decide a trade; default: the first one.
    learning : LearningSettings, optional
        How the strategy's model learns, where it has one.
    jobs : int
        Cores for fits and predictions; does not change a bit.
    alter : callable, optional
        Changes predictions, (Q, N, T), before the strategy reads them: how `research.evidence` asks
        whether a strategy listens to its model.
    on_bars : callable, optional
        Told how many bars the learner has just gone through; for progress.
    seams : Seams, optional
        Where `research.evidence` watches what passes between the stages, and plants leaks.

    Examples
    --------
    >>> from research.data import load_sample
    >>> engine = UnifiedTradingEngine("ma_crossover", symbols=["IBM"])
    >>> intents = engine.advance(load_sample(["IBM"]))
    >>> {intent.symbol for intent in intents}
    {'IBM'}
    """

    def __init__(
        self,
        strategy: str = "adaptive_momentum",
        initial_capital: float = 100_000.0,
        *,
        symbols: Sequence[str] | None = None,
        params: Mapping[str, object] | None = None,
        execution: Execution | None = None,
        trade_from: np.datetime64 | None = None,
        learning: LearningSettings | None = None,
        jobs: int = 1,
        alter: Alter | None = None,
        on_bars: Callable[[int], None] | None = None,
        seams: Seams | None = None,
    ) -> None:
        if not (np.isfinite(initial_capital) and initial_capital > 0):
            raise BadValue(
                f"`initial_capital` must be above 0, was {initial_capital!r}; give an amount in USD"
            )
        self.strategy = strategy_named(strategy)
        self.params = self.strategy.resolve(params)
        self.execution = execution or Execution()
        self.initial_capital = float(initial_capital)
        self.trade_from = _ALWAYS if trade_from is None else trade_from
        self.learning = None if self.strategy.model is None else learning or _default_learning()
        self.jobs, self.alter, self.on_bars = jobs, alter, on_bars
        self.seams = seams or Seams()
        self.symbols: tuple[str, ...] = ()
        if symbols is not None:
            self._begin(symbols)

    @classmethod
    def of(
        cls,
        request: Request,
        prepared: Prepared,
        *,
        alter: Alter | None = None,
        on_bars: Callable[[int], None] | None = None,
    ) -> UnifiedTradingEngine:
        """Return the engine of a request: its account, and the first close that may decide a trade."""
        engine = cls(
            request.strategy,
            request.initial_capital,
            symbols=prepared.panel.symbols,
            params=prepared.params,
            execution=request.execution,
            trade_from=prepared.trade_from_instant,
            learning=request.learning if prepared.model is None else learning_in(prepared.model.facts),
            jobs=request.cores,
            alter=alter,
            on_bars=on_bars,
        )
        if prepared.model is not None:
            load_models(engine, prepared.model)
        return engine

    def _begin(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.account = new_account(len(self.symbols), self.initial_capital)
        self.intake = Intake(self.symbols)
        self.reader = Reader(
            self.strategy,
            self.params,
            self.symbols,
            self.execution,
            learning=self.learning,
            jobs=self.jobs,
            alter=self.alter,
            on_bars=self.on_bars,
            seams=self.seams,
        )

    @property
    def last_bar(self) -> np.datetime64 | None:
        """`bar_close` of the last bar advanced over; None before the first."""
        return self.intake.last_bar if self.symbols else None

    @property
    def learner(self) -> OnlineLearner | None:
        """What learns and speaks, where the strategy has a model."""
        return self.reader.learner if self.symbols else None

    @property
    def lookback(self) -> int:
        """Bars a symbol needs before its first decision."""
        bars: int = self.reader.stream.lookback
        return bars

    def advance(self, block: Panel | pl.DataFrame, fill: Fill | None = None) -> Advance:
        """Take the next bars and return what they brought.

        Parameters
        ----------
        block : Panel or bar table
            All later than what came before. Any split of the same bars into blocks
            gives the same bits. A panel must continue the one before it.
        fill : callable, optional
            A broker: what happened in a bar to the orders that were waiting. Given
            the bar (a panel of one), the account, which it changes, and the
            execution, it returns the fills, (M, O). Default: simulated here.

        Returns
        -------
        Advance
            Iterates over the intents; holds features, signals, gates, fills and equity.

        Raises
        ------
        BadValue
            A panel of other symbols than the engine's, or a table after panels.
        DataError
            Bars that are not later than the last ones.
        """
        if not self.symbols:
            self._begin(
                block.symbols if isinstance(block, Panel) else block["symbol"].unique().sort().to_list()
            )
        panel = self.seams.panel(self.intake.take(block))
        return self._walked(panel, self.reader.read(panel), fill)

    def train_models(self, history: Panel | pl.DataFrame) -> Advance:
        """Learn from bars without trading them; the first close that may trade is the one after.

        Parameters
        ----------
        history : Panel or bar table
            As for `advance`.

        Returns
        -------
        Advance

        Raises
        ------
        BadValue
            The strategy has no model.
        NotEnoughHistory
            No model could be fitted on so few bars.
        """
        if self.learning is None:
            raise BadValue(
                f"{self.strategy.name} has no model to train; choose ml_driven or mean_reversion_ml"
            )
        self.trade_from = _NEVER
        brought = self.advance(history)
        if self.last_bar is not None:
            self.trade_from = self.last_bar + np.timedelta64(1, "us")
        if self.learner is not None and self.learner.lacks is not None:
            raise NotEnoughHistory(f"{self.strategy.name} has no model to keep: {self.learner.lacks}")
        return brought

    def reanchor(self, bars: pl.DataFrame) -> None:
        """Tell that bars come from a newer delivery, see `Intake.reanchor`."""
        self.intake.reanchor(bars)

    def repeat(self, run: Advance) -> Advance:
        """Take a block again that an engine of the same request took, without learning it again.

        Its features and its model's words are those of `run`; this engine's `alter` changes the words as
        it would in `advance`, and strategy and account go on from there. This asks what a strategy would
        have done had its model said something else, at the price of one scan.

        Parameters
        ----------
        run : Advance
            Of a strategy with a model, symbols and parameters as here.

        Returns
        -------
        Advance

        Raises
        ------
        BadValue
            The run holds no words of a model.
        """
        if run.spoken is None:
            raise BadValue(f"{self.strategy.name} has no model that could speak again; advance over the bars")
        signals = self.reader.heard(run.panel, run.features, run.spoken)
        return self._walked(run.panel, Read(run.names, run.features, signals, run.spoken), None)

    def _walked(self, panel: Panel, read: Read, fill: Fill | None) -> Advance:
        """Walk the account over a block whose signals are known."""
        walk = trade(self.account, panel, read.signals, self.execution, self.trade_from, fill)
        return Advance(panel, read.names, read.features, read.signals, *walk, read.spoken)

    def snapshot(self) -> bytes:
        """Return everything carried between blocks, models included; `restore` continues from it."""
        return snapshot_of(self)

    @staticmethod
    def restore(data: bytes, *, jobs: int = 1) -> UnifiedTradingEngine:
        """Return the engine that made a snapshot.

        Parameters
        ----------
        data : bytes
            From `snapshot`.
        jobs : int
            Cores for fits and predictions.

        Raises
        ------
        SnapshotMismatch
            The bytes are no engine snapshot, are damaged, or other kernels made them.
        """
        saved = read_container(data)
        engine = UnifiedTradingEngine(**arguments_in(saved), jobs=jobs)
        load_all(engine, saved)
        return engine


def _default_learning() -> LearningSettings:
    from research.learning.settings import LearningSettings  # the learners' libraries: not for every strategy

    return LearningSettings()
