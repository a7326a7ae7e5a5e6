"""The engine's laws: any split of the bars, any later bar, any restart gives the same bits."""

import itertools

import numpy as np
import polars as pl
import pytest

from live.broker import SimulatedBroker
from research.data import load_sample, to_panel
from research.engine import UnifiedTradingEngine
from research.errors import BadValue, DataError, SnapshotMismatch
from research.execution import Execution
from research.kernels import account as ac

SYMBOLS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
CASES = {
    "adaptive_momentum": {"threshold": 0.2, "trail": 0.08, "target": 0.15, "max_weight": 0.4},
    "ma_crossover": {"fast": 5, "slow": 20, "stop_atr": 2.0, "time_limit": 30, "max_weight": 0.4},
}
FIELDS = ("features", "signals", "gates", "decided", "orders", "equity", "cash", "exposure")


def engine(strategy, **more):
    params = {**CASES[strategy], "allow_short": 1}
    return UnifiedTradingEngine(
        strategy, symbols=SYMBOLS, params=params, execution=Execution(allow_short=True), **more
    )


def joined(parts):
    """The fields of several blocks as if they were one."""
    axis = {"features": 2, "signals": 2, "gates": 1, "decided": 1}
    return {
        name: np.concatenate([getattr(p, name) for p in parts], axis=axis.get(name, 0)) for name in FIELDS
    }


def same_bits(a, b):
    for name in FIELDS:
        assert a[name].shape == b[name].shape, name
        assert a[name].tobytes() == b[name].tobytes(), name


@pytest.fixture(scope="module")
def panel():
    return to_panel(load_sample())


@pytest.fixture(scope="module", params=sorted(CASES))
def whole(request, panel):
    run = engine(request.param).advance(panel)
    assert len(run.orders) > 100
    return request.param, run


def test_random_chunks(whole, panel):
    strategy, run = whole
    rng = np.random.default_rng(7)
    for _ in range(3):
        cuts = [0, *sorted(rng.choice(len(panel), 12, replace=False)), len(panel)]
        split = engine(strategy)
        parts = [split.advance(panel[a:b]) for a, b in itertools.pairwise(cuts)]
        same_bits(joined(parts), joined([run]))


def test_one_bar_at_a_time_from_the_table(whole, panel):
    """Live's way: each bar arrives as rows of a bar table, after the history came as a block."""
    strategy, run = whole
    bars = load_sample()
    instants = pl.Series(panel.bar_close).dt.replace_time_zone("UTC")
    begin = len(panel) - 120
    live = engine(strategy)
    parts = [live.advance(bars.filter(pl.col("bar_close") < instants[begin]))]
    parts += [live.advance(bars.filter(pl.col("bar_close") == instant)) for instant in instants[begin:]]
    same_bits(joined(parts), joined([run]))


def test_restart_at_random_bars(whole, panel):
    strategy, run = whole
    cuts = [0, *sorted(np.random.default_rng(11).choice(len(panel), 15, replace=False)), len(panel)]
    live, parts = engine(strategy), []
    for a, b in itertools.pairwise(cuts):
        parts.append(live.advance(panel[a:b]))
        live = UnifiedTradingEngine.restore(live.snapshot())
    same_bits(joined(parts), joined([run]))


def test_a_broker_that_simulates_gives_the_same_bits(whole, panel):
    strategy, run = whole
    same_bits(joined([engine(strategy).advance(panel, SimulatedBroker().fill)]), joined([run]))


@pytest.mark.parametrize("later", ["noise", "missing", "tenfold"])
def test_no_future(whole, panel, later):
    """Replace every bar after t; everything known at t keeps its bits, at 30 instants."""
    strategy, run = whole
    bars = load_sample()
    rng = np.random.default_rng(3)
    for t in sorted(rng.choice(np.arange(300, len(panel) - 1), 30, replace=False)):
        instant = pl.lit(panel.bar_close[t]).dt.replace_time_zone("UTC")
        past, future = bars.filter(pl.col("bar_close") <= instant), bars.filter(pl.col("bar_close") > instant)
        changed = pl.concat([past, replaced(future, later, rng)]).sort("symbol", "bar_close")
        again = engine(strategy).advance(to_panel(changed, SYMBOLS))
        for name in ("features", "signals"):
            old, new = getattr(run, name)[:, :, : t + 1], getattr(again, name)[:, :, : t + 1]
            assert old.tobytes() == new.tobytes(), (name, t)
        for name in ("gates", "decided"):
            assert getattr(run, name)[:, : t + 1].tobytes() == getattr(again, name)[:, : t + 1].tobytes()
        for name in ("equity", "cash", "exposure"):
            assert getattr(run, name)[: t + 1].tobytes() == getattr(again, name)[: t + 1].tobytes()
        until = [r.orders[r.orders[:, ac.O_BAR] <= t] for r in (run, again)]
        assert until[0].tobytes() == until[1].tobytes()


def replaced(future, later, rng):
    """Bars at the same instants that have nothing to do with the real ones."""
    if later == "missing":
        return future.filter(pl.Series(rng.random(future.height) < 0.3))
    if later == "tenfold":
        return future.with_columns(pl.col("open", "high", "low", "close") * 10.0)
    close = np.exp(rng.normal(4.0, 1.0, future.height))
    opening = close * np.exp(rng.normal(0.0, 0.05, future.height))
    return future.with_columns(
        open=pl.Series(opening),
        close=pl.Series(close),
        high=pl.Series(np.maximum(opening, close) * 1.02),
        low=pl.Series(np.minimum(opening, close) * 0.98),
        volume=pl.Series(rng.random(future.height) * 1e6),
        adj_factor=pl.Series(rng.random(future.height) + 0.1),
    )


def test_bars_before_trade_from_decide_nothing(panel):
    instant = panel.bar_close[2000]
    run = engine("adaptive_momentum", trade_from=instant).advance(panel)
    assert len(run.orders) > 50
    assert run.orders[:, ac.O_DECIDED].min() >= 2000
    assert (run.equity[:2001] == 100_000.0).all()
    assert (run.gates[:, :2000] == ac.GATE_TRAINING).any()
    assert not (run.gates[:, 2000:] == ac.GATE_TRAINING).any()


def test_intents_are_what_fills_next(whole, panel):
    """Every entry that filled was an intent one bar earlier, and none filled for more than it asked."""
    _, run = whole
    intents = {(i.bar_close, i.symbol): i for i in run}
    assert len(intents) == len(run)
    entries = run.orders[run.orders[:, ac.O_REASON] == ac.ENTERED]
    for row in entries:
        intent = intents[panel.bar_close[int(row[ac.O_DECIDED])], SYMBOLS[int(row[ac.O_SYMBOL])]]
        assert intent.reason == "entry"
        assert intent.side == row[ac.O_SIDE]
        split = panel.split[int(row[ac.O_BAR]), int(row[ac.O_SYMBOL])]
        assert row[ac.O_ASKED] == np.floor(intent.quantity * split)
        assert row[ac.O_QTY] <= row[ac.O_ASKED]


def test_repeated_bars_are_refused(panel):
    live = engine("ma_crossover")
    live.advance(panel[:500])
    with pytest.raises(DataError, match="bars must be later than"):
        live.advance(panel[499:510])
    with pytest.raises(BadValue, match="must hold the engine's symbols"):
        live.advance(to_panel(load_sample(["IBM"])))


def test_a_table_cannot_follow_a_panel(panel):
    """A panel says nothing of the vendor's factor that later bars are adjusted by."""
    bars = load_sample(SYMBOLS).filter(
        pl.col("bar_close") > pl.lit(panel.bar_close[300]).dt.replace_time_zone("UTC")
    )
    live = engine("ma_crossover")
    live.advance(panel[:301])
    for one in (live, UnifiedTradingEngine.restore(live.snapshot())):
        with pytest.raises(BadValue, match="a bar table must continue another, and the bars to 2001-05-"):
            one.advance(bars[:5])


def test_foreign_and_broken_snapshots_are_refused(panel, monkeypatch):
    live = engine("ma_crossover")
    live.advance(panel[:300])
    saved = live.snapshot()
    flipped = bytearray(saved)
    flipped[len(saved) // 2] ^= 1
    for broken, said in (
        (b"", "no engine snapshot"),
        (b"not a snapshot", "no engine snapshot"),
        (saved[: len(saved) // 2], "damaged or cut short"),
        (bytes(flipped), "damaged or cut short"),
    ):
        with pytest.raises(SnapshotMismatch, match=said):
            UnifiedTradingEngine.restore(broken)
    monkeypatch.setattr("research.saved.kernel_hash", lambda: "0" * 16)
    with pytest.raises(SnapshotMismatch, match="was made by kernels"):
        UnifiedTradingEngine.restore(saved)


def test_capital_must_be_positive():
    with pytest.raises(BadValue, match="`initial_capital` must be above 0, was -1"):
        UnifiedTradingEngine(initial_capital=-1)
