"""Journals with something wrong planted in them: replays of random spans, bent on the way or afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from live.broker import SimulatedBroker
from live.causes import Kind
from live.journalled import Setup
from live.replay import open_replay
from research.data import load_sample
from research.data.panel import Panel
from research.engine import UnifiedTradingEngine
from research.execution import Execution
from research.kernels import account as ac
from research.kernels.account import Account
from research.learning.ensemble import Ensemble
from research.learning.settings import LearningSettings
from research.request import Request

RULES, MODELS = ("adaptive_momentum", "ma_crossover"), ("ml_driven", "mean_reversion_ml")
LEARNING = LearningSettings(
    learners=("lightgbm",),
    features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
    retrain_every=20, train_bars=300, max_rows=200, min_labels=40, duel_labels=10, importance=False,
    tuning={"lightgbm": {"trees": 4}},
)  # fmt: skip
BUSY: dict[str, dict[str, float]] = {
    "adaptive_momentum": {"threshold": 0.2, "stop_atr": 1.5, "time_limit": 12},
    "ma_crossover": {"fast": 5, "slow": 20, "stop": 0.03},
    "ml_driven": {"min_trend": 20.0, "min_confidence": 0.1, "min_weight": 0.1},
    "mean_reversion_ml": {"entry": 0.75, "min_weight": 0.1},
}
# What is asked otherwise: parameters of each strategy, and a range.
OTHERWISE: dict[str, dict[str, tuple[float, float]]] = {
    "adaptive_momentum": {"threshold": (0.0, 0.6), "vol_target": (0.05, 0.15), "stop_atr": (2.0, 4.0)},
    "ma_crossover": {"fast": (3, 4), "slow": (25, 40), "vol_target": (0.05, 0.15)},
    "ml_driven": {"min_trend": (30, 60), "kelly_fraction": (0.4, 0.9), "stop_atr": (4.5, 6.0)},
    "mean_reversion_ml": {"entry": (0.9, 1.5), "kelly_fraction": (0.4, 0.9), "exit": (0.3, 0.6)},
}


class Bent(SimulatedBroker):
    """A broker at which some bars go otherwise than simulated: price, quantity, missing and extra fills.

    `chance` is that of bending a bar in which something is to be executed; at most `most` are bent.
    """

    def __init__(self, draw: np.random.Generator, chance: float, most: int = 1) -> None:
        super().__init__()
        self.draw, self.chance, self.most = draw, chance, most
        self.bent: list[np.datetime64] = []

    def fill(self, bar: Panel, account: Account, execution: Execution) -> NDArray[np.float64]:
        """Simulate the bar, or one in which something was changed first."""
        ways = [(way, k) for k in np.flatnonzero(bar.members(0)).tolist() for way in self._ways(account, k)]
        if not ways or len(self.bent) >= self.most or self.draw.random() > self.chance:
            return super().fill(bar, account, execution)
        way, k = ways[int(self.draw.integers(len(ways)))]
        self.bent.append(bar.bar_close[0])
        pending = account.pending[k]
        if way == "price":
            slip = 1.0 + self.draw.choice([-1, 1]) * 10.0 ** self.draw.uniform(-4.0, -1.7)
            opened = bar.open.copy()
            opened[0, k] *= slip
            return super().fill(replace(bar, open=opened), account, execution)
        if way == "less":
            pending[ac.Q_QTY] = np.sign(pending[ac.Q_QTY]) * np.floor(
                abs(pending[ac.Q_QTY]) * self.draw.uniform(0.1, 0.9)
            )
        if way in {"less", "no entry"} and (way == "no entry" or pending[ac.Q_QTY] == 0.0):
            pending[ac.Q_QTY] = 0.0
            orders = super().fill(bar, account, execution)
            account.positions[k, ac.P_LAPSED] = ac.GATE_CASH
            return orders
        if way == "no exit":
            kept = pending[[ac.Q_EXIT, ac.Q_EXIT_DECIDED]].copy()
            protect = account.positions[k, [ac.P_PROTECT, ac.P_TARGET]].copy()
            pending[ac.Q_EXIT] = 0.0
            account.positions[k, [ac.P_PROTECT, ac.P_TARGET]] = np.nan
            orders = super().fill(bar, account, execution)
            pending[[ac.Q_EXIT, ac.Q_EXIT_DECIDED]] = kept
            account.positions[k, [ac.P_PROTECT, ac.P_TARGET]] = protect
            return orders
        if way == "extra":
            level = account.positions[k, ac.P_PROTECT]
            low, opened = bar.low.copy(), bar.open.copy()
            low[0, k] = min(low[0, k], level * self.draw.uniform(0.97, 1.0))
            opened[0, k] = max(opened[0, k], level * 1.001)
            return super().fill(replace(bar, low=low, open=opened), account, execution)
        return super().fill(bar, account, execution)

    @staticmethod
    def _ways(account: Account, k: int) -> list[str]:
        position, pending = account.positions[k], account.pending[k]
        if pending[ac.Q_EXIT] != 0.0:
            return ["price", "no exit"]
        if pending[ac.Q_QTY] != 0.0:
            return ["price", "less", "no entry"]
        return ["extra"] if position[ac.P_QTY] > 0.0 and position[ac.P_PROTECT] > 0.0 else []


@dataclass
class Case:
    """A journal to be made, and what parity is then given."""

    request: Request
    made_of: pl.DataFrame
    given: pl.DataFrame
    first: np.datetime64
    last: np.datetime64
    broker: SimulatedBroker = field(default_factory=SimulatedBroker)
    asked: Callable[[Setup], Setup] | None = None
    swap_at: int | None = None
    since: list[np.datetime64] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)


def drawn(strategy: str, draw: np.random.Generator) -> Case:
    """Draw symbols, a span, and the history before it."""
    learns = strategy in MODELS
    symbols = sorted(
        draw.choice(
            ["AAPL", "GOOG", "IBM", "MSFT"], 3 if learns else int(draw.integers(2, 4)), False
        ).tolist()
    )
    bars = load_sample(symbols)
    both = bars.group_by("symbol").agg(pl.col("bar_close").min())["bar_close"].max()
    instants = bars.filter(pl.col("bar_close") >= both)["bar_close"].unique().sort()
    warmup, span = (640, int(draw.integers(50, 90))) if learns else (560, int(draw.integers(60, 160)))
    begin = int(draw.integers(0, len(instants) - warmup - span))
    part = bars.filter(pl.col("bar_close").is_in(instants[begin : begin + warmup + span].implode()))
    start = instants[begin + warmup]
    request = Request(
        strategy, symbols, start.date(), None, BUSY[strategy],
        train_fraction=0.0 if learns else float(draw.choice([0.0, 0.1])),
        learning=LEARNING if learns else None, jobs=1,
    )  # fmt: skip
    first, last = part.filter(pl.col("bar_close") >= start)["bar_close"].to_numpy()[[0, -1]]
    return Case(request, part, part, first, last)


def _utc(at: np.datetime64) -> pl.Expr:
    return pl.lit(at).dt.replace_time_zone("UTC")


def _some_bar(case: Case, draw: np.random.Generator) -> tuple[str, np.datetime64]:
    """Return a bar of the span, but not its first or last."""
    inside = case.made_of.filter(
        (pl.col("bar_close") > _utc(case.first)) & (pl.col("bar_close") < _utc(case.last))
    )
    symbol, at = inside.row(int(draw.integers(inside.height)))[:2]
    return symbol, np.datetime64(at.replace(tzinfo=None), "us")


def _is(symbol: str | None, at: np.datetime64) -> pl.Expr:
    here = pl.col("bar_close") == _utc(at)
    return here if symbol is None else here & (pl.col("symbol") == symbol)


def revise(case: Case, draw: np.random.Generator) -> None:
    """Change one to three bars of the span since the journal was written."""
    for _ in range(int(draw.integers(1, 4))):
        symbol, at = _some_bar(case, draw)
        name = str(draw.choice(["open", "high", "low", "close", "volume"]))
        factor = 1.0 + draw.choice([-1, 1]) * 10.0 ** draw.uniform(-4.0, -1.5)
        changed = pl.when(_is(symbol, at)).then(pl.col(name) * factor).otherwise(pl.col(name))
        prices = ("open", "high", "low", "close")
        highest, lowest = pl.max_horizontal(prices), pl.min_horizontal(prices)
        case.given = case.given.with_columns(changed.alias(name)).with_columns(
            high=pl.when(_is(symbol, at)).then(highest).otherwise(pl.col("high")),
            low=pl.when(_is(symbol, at)).then(lowest).otherwise(pl.col("low")),
        )
        case.since.append(at)
    case.kinds.add(Kind.REVISED)


def shorten(case: Case, draw: np.random.Generator) -> None:
    """Begin the journal after fewer bars, or give parity fewer, or other ones, than it had."""
    instants = case.made_of["bar_close"].unique().sort()
    begin = instants[int(draw.integers(1, 60))]
    way = draw.random()
    if way < 0.6:
        case.made_of = case.made_of.filter(pl.col("bar_close") >= begin)
    elif way < 0.8:
        case.given = case.given.filter(pl.col("bar_close") >= begin)
    else:
        at = instants[int(draw.integers(1, 300))]
        case.given = case.given.filter(pl.col("bar_close") != at)
    case.kinds.add(Kind.WARMUP)


def ask_otherwise(case: Case, draw: np.random.Generator) -> None:
    """Ask for another parameter, capital or cost than the journal's."""
    strategy = case.request.strategy
    names = [*OTHERWISE[strategy], "capital", "slippage", "commission"]
    name = names[int(draw.integers(len(names)))]

    def asked(setup: Setup) -> Setup:
        if name == "capital":
            return replace(setup, capital=float(setup.capital * draw.uniform(0.3, 3.0)))
        if name in {"slippage", "commission"}:
            value = float(getattr(setup.execution, name) * draw.uniform(1.5, 4.0))
            more: dict[str, Any] = {name: value}
            return replace(setup, execution=replace(setup.execution, **more))
        low, high = OTHERWISE[strategy][name]
        value = float(
            np.round(draw.uniform(low, high)) if name in {"fast", "slow"} else draw.uniform(low, high)
        )
        return replace(setup, params={**setup.params, name: value})

    case.asked = asked
    case.kinds.add(Kind.PARAMETERS)


def miss(case: Case, draw: np.random.Generator) -> None:
    """Let a bar, or all of an instant, be on one side only, or close at another instant."""
    symbol, at = _some_bar(case, draw)
    whole = None if draw.random() < 0.4 else symbol
    way = int(draw.integers(3))
    if way == 0:
        case.made_of = case.made_of.filter(~_is(whole, at))
    elif way == 1:
        case.given = case.given.filter(~_is(whole, at))
    else:
        hours = int(draw.integers(1, 4))
        moved = pl.col("bar_close") - pl.duration(hours=hours)
        case.given = case.given.with_columns(
            bar_close=pl.when(_is(None, at)).then(moved).otherwise(pl.col("bar_close"))
        )
        at = at - np.timedelta64(hours, "h")
    case.since.append(at)
    case.kinds.add(Kind.CALENDAR)


def bend(case: Case, draw: np.random.Generator) -> None:
    """Fill up to three orders otherwise than simulated."""
    case.broker = Bent(draw, chance=0.5, most=int(draw.integers(1, 4)))
    case.kinds.add(Kind.FILL)


def swap(case: Case, draw: np.random.Generator) -> None:
    """Let another model speak from a bar on."""
    case.swap_at = int(draw.integers(3, 40))
    case.kinds.add(Kind.MODEL)


PLANTS: dict[Kind, Callable[[Case, np.random.Generator], None]] = {
    Kind.REVISED: revise, Kind.WARMUP: shorten, Kind.MODEL: swap, Kind.PARAMETERS: ask_otherwise,
    Kind.CALENDAR: miss, Kind.FILL: bend,
}  # fmt: skip


def _another_model(engine: UnifiedTradingEngine) -> None:
    """Give an engine's champions the wisdom of others: fitted on the same rows, with more trees."""
    learner = engine.learner
    assert learner is not None
    ensemble = learner.ensemble
    if not ensemble.has_spoken:
        return
    settings = replace(LEARNING, tuning={"lightgbm": {"trees": 9}}, seed=99)
    bar = learner.bar - 1
    rows = learner.history.settled(bar, settings.train_bars, settings.max_rows)

    other = Ensemble(
        [settings.learner(n) for n in settings.learners], settings.names, seed=settings.seed, jobs=1
    )
    other.fit(learner.history, rows, bar, "other")
    ensemble.champions[:] = [m for m in (*other.champions, *other.challengers) if m is not None][:1]


def written(case: Case, path: Path, draw: np.random.Generator) -> None:
    """Write the journal: stopped and continued at random bars, with what was planted on the way."""
    stops = sorted(draw.integers(1, 60, size=2).tolist()) if not isinstance(case.broker, Bent) else []
    if case.swap_at is not None:
        stops = sorted({*stops, case.swap_at})
    taken = 0
    for stop in (*stops, None):
        replay = open_replay(case.request, case.made_of, path, broker=case.broker)
        try:
            taken += replay.runner.run(most=None if stop is None else stop - taken)
            if taken == case.swap_at:
                _another_model(replay.runner.engine)
                assert replay.runner.engine.last_bar is not None
                case.since.append(replay.runner.engine.last_bar)
                taken += replay.runner.run(most=None)
                return
        finally:
            replay.journal.close()
