"""The one engine: bars in, intents out. Backtest, sweep, replay and live all drive it.

For each block of bars, however long (live is a block of one):

1. `PanelBuilder` aligns and adjusts the new bars from what it carries.
2. `FeatureStream` continues every feature the strategy reads.
3. The strategy turns feature rows into signal rows, close by close.
4. `scan_nb` walks the bars: what was decided at the last close fills at this open,
   protection acts inside the bar, and at the close the next intents are decided.

Nothing in here knows whether the bars are old or new.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.advance import Advance
from research.data.panel import Panel, PanelBuilder
from research.errors import BadValue, DataError, SnapshotMismatch
from research.execution import Execution
from research.features.matrix import FeatureStream
from research.kernels import account as ac
from research.kernels.account import Account, copy_account, empty_orders, new_account
from research.kernels.broker import decide_nb
from research.kernels.jit import kernel_hash
from research.kernels.scan import scan_nb
from research.request import Prepared, Request
from research.strategies import strategy_named

__all__ = ["Fill", "UnifiedTradingEngine"]

F64 = NDArray[np.float64]
Fill = Callable[[Panel, Account, Execution], F64]
_ALWAYS = np.datetime64("0001-01-01", "us")


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
        self.names = self.strategy.features(self.params)
        self.last_bar: np.datetime64 | None = None
        self.symbols: tuple[str, ...] = ()
        if symbols is not None:
            self._begin(symbols)

    @classmethod
    def of(cls, request: Request, prepared: Prepared) -> UnifiedTradingEngine:
        """Return the engine of a request: its account, and the first close that may decide a trade."""
        return cls(
            request.strategy,
            request.initial_capital,
            symbols=prepared.panel.symbols,
            params=prepared.params,
            execution=request.execution,
            trade_from=prepared.trade_from_instant,
        )

    def _begin(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.account = new_account(len(self.symbols), self.initial_capital)
        self._builder = PanelBuilder(self.symbols)
        self._stream = FeatureStream(self.symbols, self.names)

    @property
    def lookback(self) -> int:
        """Bars a symbol needs before its first decision."""
        bars: int = self._stream.lookback
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
            A panel of other symbols than the engine's.
        DataError
            Bars that are not later than the last ones.
        """
        if not self.symbols:
            self._begin(
                block.symbols if isinstance(block, Panel) else block["symbol"].unique().sort().to_list()
            )
        panel = block if isinstance(block, Panel) else self._builder.push(block)
        features, signals = self.signals(panel)
        return self._trade(panel, features, signals, fill)

    def reanchor(self, bars: pl.DataFrame) -> None:
        """Tell that bars come from a newer delivery, whose `adj_factor` may have been re-based since.

        Parameters
        ----------
        bars : DataFrame
            That delivery's bars up to the last one advanced over; see `PanelBuilder.reanchor`.
        """
        if "adj_factor" in bars.columns and bars.height:
            self._builder.reanchor(bars)

    def signals(self, panel: Panel) -> tuple[F64, F64]:
        """Continue features and signals over a block: (K, N, T) and (S, N, T)."""
        if panel.symbols != self.symbols:
            raise BadValue(
                f"a block must hold the engine's symbols {', '.join(self.symbols)}, was "
                f"{', '.join(panel.symbols)}; build it with the same `symbols`"
            )
        if len(panel) and self.last_bar is not None and panel.bar_close[0] <= self.last_bar:
            raise DataError(
                f"bars must be later than {self.last_bar}, the last one advanced over, was "
                f"{panel.bar_close[0]}; give each bar once"
            )
        features = self._stream.advance(panel)
        if len(panel):
            self.last_bar = panel.bar_close[-1]
        return features, self.strategy.signals(features, self.params)

    def _trade(self, panel: Panel, features: F64, signals: F64, fill: Fill | None) -> Advance:
        """Walk the account over a block whose signals are known."""
        n, t = len(self.symbols), len(panel)
        equity, cash, exposure = np.empty(t), np.empty(t), np.empty(t)
        decided, gates = np.empty((n, t, ac.N_INTENT)), np.empty((n, t))
        # The kernels count bars over the account's life; the block knows only its own.
        trade_from = int(self.account.totals[ac.A_BARS] + np.searchsorted(panel.bar_close, self.trade_from))
        execution = self.execution.as_array()
        if fill is None:
            orders = empty_orders(t, n)
            bars = (panel.open, panel.high, panel.low, panel.close, panel.split, panel.dividend)
            o, h, lo, c, split, dividend = (np.ascontiguousarray(a.T) for a in bars)
            count = scan_nb(
                self.account, o, h, lo, c, split, dividend, signals, execution, trade_from,
                orders, equity, cash, exposure, decided, gates,
            )  # fmt: skip
            orders = orders[:count].copy()
        else:
            fills = [np.empty((0, ac.N_ORDER))]
            close = np.ascontiguousarray(panel.close.T)
            totals = self.account.totals
            for i in range(t):
                fills.append(fill(panel[i : i + 1], self.account, self.execution))
                tradable = totals[ac.A_BARS] > trade_from
                decide_nb(self.account, close, signals, i, execution, tradable, decided, gates)
                equity[i], cash[i] = totals[ac.A_EQUITY], totals[ac.A_CASH]
                exposure[i] = totals[ac.A_EXPOSURE]
            orders = np.concatenate(fills)
        return Advance(panel, self.names, features, signals, gates, decided, orders, equity, cash, exposure)

    def snapshot(self) -> bytes:
        """Return everything carried between blocks; `restore` continues from it."""
        settings = {
            "kernels": kernel_hash(),
            "strategy": self.strategy.name,
            "params": self.params,
            "execution": asdict(self.execution),
            "symbols": self.symbols,
            "initial_capital": self.initial_capital,
            "trade_from": str(self.trade_from),
            "last_bar": None if self.last_bar is None else str(self.last_bar),
        }
        buffer = io.BytesIO()
        np.savez(
            buffer,
            settings=np.frombuffer(json.dumps(settings).encode(), dtype=np.uint8),
            builder=np.frombuffer(self._builder.snapshot(), dtype=np.uint8),
            stream=np.frombuffer(self._stream.snapshot(), dtype=np.uint8),
            **self.account._asdict(),
        )
        return buffer.getvalue()

    @classmethod
    def restore(cls, data: bytes) -> UnifiedTradingEngine:
        """Return the engine that made a snapshot.

        Raises
        ------
        SnapshotMismatch
            The bytes are no engine snapshot, or other kernels made them.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as saved:
                parts = {name: saved[name] for name in saved.files}
            settings = json.loads(parts["settings"].tobytes())
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as broken:
            raise SnapshotMismatch(
                f"the engine's snapshot cannot be read ({type(broken).__name__}); start anew from the bars"
            ) from broken
        if settings["kernels"] != kernel_hash():
            raise SnapshotMismatch(
                f"the snapshot was made by kernels {settings['kernels']}, these are {kernel_hash()}; "
                "start anew from the bars, which takes seconds"
            )
        engine = cls(
            settings["strategy"],
            settings["initial_capital"],
            symbols=settings["symbols"],
            params=settings["params"],
            execution=Execution(**settings["execution"]),
            trade_from=np.datetime64(settings["trade_from"], "us"),
        )
        engine.last_bar = None if settings["last_bar"] is None else np.datetime64(settings["last_bar"], "us")
        engine._builder = PanelBuilder.restore(parts["builder"].tobytes())
        engine._stream = FeatureStream.restore(parts["stream"].tobytes())
        engine.account = copy_account(Account(*(parts[name] for name in Account._fields)))
        return engine
