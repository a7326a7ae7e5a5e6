"""What is to be run, checked once: strategy, symbols, span, parameters, money, costs.

In: what a user asked for and a bar table. Out: a `Prepared` run (the panel from
its first bar on, and the bars at which the span and the trading begin). Backtest,
sweep and live runner all start here, so they cannot disagree about which bar is
the first that may trade.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from research.data.bars import conform, validate_bars
from research.data.history import Instant, bound
from research.data.panel import Panel, PanelBuilder
from research.data.sessions import periods_per_year
from research.errors import BadValue, DataError, NotEnoughHistory, UnknownName
from research.execution import Execution
from research.features.matrix import FeatureStream
from research.prepared import Prepared, after_training
from research.strategies import Strategy, strategy_named

if TYPE_CHECKING:
    from research.learning.settings import LearningSettings

__all__ = ["TRAIN_FRACTION", "Instant", "Prepared", "Request"]

TRAIN_FRACTION = 0.3
# Parameters that change what is made of a prediction, never the trades that labels come from.
_ACCOUNT_ONLY = frozenset({"bars_per_year", "vol_target", "max_weight", "risk_cap", "risk_aversion"})
_CASH_BUFFER = 0.95  # of equity that is spread over the symbols, so that an opening gap can still be paid


@dataclass(frozen=True)
class Request:
    """A run as asked for; `prepare` holds it against bars and refuses what cannot be done.

    `learning`, `jobs` and `model` are for strategies that have one: how it learns, on how many cores (they
    give the bits that one gives), and the folder of one that `python -m research train` has written. Then
    the run begins after the last bar that the model has seen, and no bar is reserved for training.
    """

    strategy: str = "adaptive_momentum"
    symbols: Sequence[str] | None = None
    start: Instant = None
    end: Instant = None
    params: Mapping[str, object] = field(default_factory=dict)
    initial_capital: float = 100_000.0
    train_fraction: float = TRAIN_FRACTION
    execution: Execution = field(default_factory=Execution)
    learning: LearningSettings | None = None
    jobs: int | None = None
    model: Path | None = None

    @property
    def cores(self) -> int:
        """Cores to use: all, unless `jobs` says otherwise."""
        return self.jobs or os.cpu_count() or 1

    def rule(self) -> Strategy:
        """Return the strategy's record."""
        return strategy_named(self.strategy)

    def resolve(self, n_symbols: int, bars_per_year: float = 252.0) -> dict[str, float]:
        """Fill in the strategy's parameters for an account that holds `n_symbols` symbols.

        Unless `max_weight` is asked for, the symbols of an account share it
        equally. `allow_short` is one switch, the execution's: it tells the strategy
        and the broker.
        """
        allow_short = float(self.execution.allow_short)
        if self.params.get("allow_short", allow_short) != allow_short:
            raise BadValue(
                f"parameter `allow_short` must agree with the execution's, was "
                f"{self.params['allow_short']!r}; ask for it with "
                f"Execution(allow_short={not allow_short}), or --allow-short"
            )
        defaults: dict[str, object] = {
            "max_weight": _CASH_BUFFER / max(n_symbols, 1),
            "bars_per_year": bars_per_year,
            "allow_short": allow_short,
        }
        return self.rule().resolve({**defaults, **self.params})

    def prepare(self, bars: pl.DataFrame, *, account_symbols: int | None = None, least: int = 2) -> Prepared:
        """Check this request against `bars` and lay them out.

        Parameters
        ----------
        bars : DataFrame
            A bar table.
        account_symbols : int, optional
            How many symbols share one account; all of them by default. A sweep
            gives each symbol an account of its own and says 1.
        least : int, default 2
            Bars that the span must hold; a live run begins with one, and the others are still to come.

        Raises
        ------
        UnknownName
            A strategy, parameter or symbol that does not exist.
        BadValue
            A capital, fraction or span outside its rule.
        DataError
            `bars` is no bar table, or has bars that break a rule.
        NotEnoughHistory
            No symbol has more bars than the strategy's features need, or no bar
            of the span is left to trade.
        """
        if not (_is_number(self.initial_capital) and 0 < self.initial_capital < np.inf):
            raise BadValue(
                f"`initial_capital` must be above 0, was {self.initial_capital!r}; give an amount in USD"
            )
        if not (_is_number(self.train_fraction) and 0.0 <= self.train_fraction < 1.0):
            raise BadValue(
                f"`train_fraction` must be in [0, 1), was {self.train_fraction!r}; the design's is 0.3"
            )
        if self.learning is not None and self.rule().model is None:
            raise BadValue(f"{self.strategy} has no model, so it takes no learning settings; leave them out")
        if self.model is not None and self.rule().model is None:
            raise BadValue(f"{self.strategy} has no model, so it cannot begin with one; leave `model` out")
        if self.model is not None and self.train_fraction != TRAIN_FRACTION:
            raise BadValue(
                f"`train_fraction` is for a run that trains its own model, was {self.train_fraction:g} with "
                f"that of {self.model}, after which every bar may trade; leave it out"
            )
        if self.jobs is not None and self.jobs < 1:
            raise BadValue(f"`jobs` must be a whole number ≥ 1, was {self.jobs!r}; it is the number of cores")
        self.resolve(1)  # refuses strategy and parameters before any bar is touched
        start, end = bound("start", self.start), bound("end", self.end)
        if start is not None and end is not None and end < start:
            raise BadValue(
                f"`end` must be after `start`, was {self.end} with start {self.start}; swap or change them"
            )
        bars = conform(bars)
        symbols = self._symbols(bars)
        bars = bars.filter(pl.col("symbol").is_in(symbols))
        until = bars if end is None else bars.filter(pl.col("bar_close") <= end)
        if self.model is not None:
            return after_training(self, until, symbols, start, least)
        builder = PanelBuilder(symbols)
        panel = builder.push(until)  # a symbol may have no bar before the end
        return self._cut(builder, panel, start, account_symbols, least)

    def expects(self, symbols: Sequence[str]) -> dict[str, object]:
        """Return the facts of a trained model that must agree with this request."""
        params = self.resolve(len(symbols))
        return {
            "strategy": self.strategy,
            "symbols": list(symbols),
            "execution": asdict(self.execution),
            "labels": {name: value for name, value in params.items() if name not in _ACCOUNT_ONLY},
        }

    def _symbols(self, bars: pl.DataFrame) -> list[str]:
        known = bars["symbol"].unique().sort().to_list()
        if None in known:
            validate_bars(bars)  # names the row
        if not known:
            raise DataError("the bar table has columns and no bars; read or load some first")
        if self.symbols is None:
            return known
        if not self.symbols:
            raise BadValue("`symbols` must name at least one symbol, was empty; leave it out to take all")
        for symbol in self.symbols:
            if symbol not in known:
                raise UnknownName("symbol", symbol, known)
        if len(set(self.symbols)) < len(self.symbols):
            raise BadValue(f"`symbols` must differ, was {', '.join(self.symbols)}; name each once")
        return list(self.symbols)

    def _cut(
        self,
        builder: PanelBuilder,
        panel: Panel,
        start: datetime | None,
        account_symbols: int | None,
        least: int,
    ) -> Prepared:
        first = 0
        if start is not None:
            first = int(np.searchsorted(panel.bar_close, np.datetime64(start.replace(tzinfo=None), "us")))
        span = len(panel) - first
        if span < least:
            raise NotEnoughHistory(
                f"the span {self.start or 'first bar'} to {self.end or 'last bar'} holds {max(span, 0)} bars "
                f"and a run needs {least}; {_have(panel)}"
            )
        trade_from = first + int(self.train_fraction * span)
        n_symbols = account_symbols or len(panel.symbols)
        lookback = FeatureStream(panel.symbols, self.rule().features(self.resolve(n_symbols))).lookback
        own = np.isfinite(panel.close).sum(axis=0)
        short = [f"{s} ({n} bars)" for s, n in zip(panel.symbols, own, strict=True) if n <= lookback]
        if len(short) == len(panel.symbols):
            raise NotEnoughHistory(
                f"{self.strategy} needs {lookback + 1} bars before its first decision and no symbol "
                f"has them: {', '.join(short[:5])}; bring earlier bars or shorter windows"
            )
        self.require_labels(panel, lookback, trade_from)
        # Sizes depend on the year's length, so it is measured on bars that no decision comes before.
        bars_per_year = periods_per_year(panel.bar_close[: max(trade_from, lookback) + 1])
        params = self.resolve(n_symbols, bars_per_year)
        notes = []
        if short:
            notes.append(f"never out of warm-up ({lookback + 1} bars), so never traded: {', '.join(short)}")
        return Prepared(panel, first, trade_from, params, bars_per_year, tuple(notes), builder)

    def require_labels(self, panel: Panel, lookback: int, trade_from: int) -> None:
        """Refuse a span whose training part cannot hold the labels of a first model.

        Parameters
        ----------
        panel : Panel
        lookback : int
            Bars before the strategy's first decision.
        trade_from : int
            Row of the first bar that may decide a trade.

        Raises
        ------
        NotEnoughHistory
        """
        if self.rule().model is None:
            return
        from research.learning.settings import LearningSettings

        learning = self.learning or LearningSettings()
        horizon = int(self.resolve(len(panel.symbols))["time_limit"])
        before = np.isfinite(panel.close[:trade_from]).sum(axis=0)
        warmup = max(lookback, learning.lookback)  # a candidate waits for the strategy's features as well
        labels = int(np.maximum(before - warmup - horizon - 1, 0).sum())
        needed = learning.first_labels(len(panel.symbols), horizon)
        if labels < needed:
            raise NotEnoughHistory(
                f"{self.strategy} fits its first model on {needed} settled labels and the bars "
                f"before the first that may trade hold {labels} at most ({warmup} bars warm-up, "
                f"{horizon} to settle); begin later, bring earlier bars or more symbols, or learn from "
                "features of shorter warm-up"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _have(panel: Panel) -> str:
    if not len(panel):
        return "no bar of these symbols lies before the end; choose a later one"
    return f"the bars go from {str(panel.bar_close[0])[:10]} to {str(panel.bar_close[-1])[:10]}"
