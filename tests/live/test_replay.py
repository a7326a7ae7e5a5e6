"""A replay is the backtest, whatever it is cut into: stopped, continued, one bar at a time."""

import json
import random
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from live.journal import Journal
from live.replay import fills_frame
from research.data import load_sample
from research.data.adjust import factor_from_ratio
from research.errors import DataError
from research.execution import Execution
from research.request import Request
from research.simulation.backtest import backtest, run_unified_backtest
from tests.live.helpers import content, query, replayed, request

FILL = ["bar_close", "symbol", "side", "quantity", "price", "fee", "reason", "ambiguous", "decided_at"]
BUSY = {"target_atr": 2.0, "trail_atr": 2.0, "time_limit": 12, "allow_short": 1, "threshold": 0.2}


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Return a journal of one run from start to end."""
    path = tmp_path_factory.mktemp("straight") / "run.sqlite"
    replayed(path)
    return path


# --- the same orders as the backtest ---------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["adaptive_momentum", "ma_crossover"])
def test_whole_sample_gives_the_backtests_orders_decisions_and_equity(strategy, tmp_path):
    """All five symbols on one account, all 3,270 bars: every order, bit for bit."""
    path = tmp_path / "run.sqlite"
    assert replayed(path, Request(strategy)) == 3270
    result = run_unified_backtest(strategy=strategy)
    assert result.orders.height > 50
    compare(path, result)


@pytest.mark.parametrize("strategy", ["adaptive_momentum", "ma_crossover"])
def test_every_kind_of_exit_and_shorts_are_the_same_too(strategy, tmp_path):
    params = BUSY if strategy == "adaptive_momentum" else {k: v for k, v in BUSY.items() if k != "threshold"}
    asked = request(
        strategy, ["AAPL", "IBM", "MSFT"], "2003-01-01", "2007-12-31", params=params, train_fraction=0.0,
        execution=Execution(allow_short=True),
    )  # fmt: skip
    path = tmp_path / "run.sqlite"
    replayed(path, asked)
    result = backtest(asked, load_sample())
    assert {"entry", "target", "trail"} <= set(result.orders["reason"])
    compare(path, result)


def test_entries_cut_to_the_cash_are_told_as_the_backtest_tells_them(tmp_path):
    """Three symbols that want 95 % each: order rows and events name what was asked and what was bought."""
    greedy = {"max_weight": 0.95, "vol_target": 1.0, "risk_cap": 0.0, "risk_aversion": 0.0, "stop_atr": 0.5}
    asked = request(
        symbols=["AAPL", "IBM", "MSFT"], start="2003-01-02", params=greedy, train_fraction=0.0
    )  # fmt: skip
    path = tmp_path / "run.sqlite"
    replayed(path, asked)
    result = backtest(asked, load_sample())
    compare(path, result)
    cut = result.orders.filter(pl.col("quantity") < pl.col("asked"))
    assert cut.height > 10
    told = [f"cut to cash: {done:.0f} of {want:.0f} shares" for done, want in cut["quantity", "asked"].rows()]
    orders = """SELECT o.symbol, o.leg, o.status, o.note FROM fills f JOIN orders o ON o.id = f.order_id
                WHERE o.note <> '' ORDER BY f.seq"""
    assert query(path, orders) == [
        (symbol, "entry", "filled", note) for symbol, note in zip(cut["symbol"], told, strict=True)
    ]
    events = query(path, "SELECT bar_close, symbol, text FROM events WHERE kind = 'cut' ORDER BY seq")
    when = cut["bar_close"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sorted(events) == sorted(zip(when, cut["symbol"], [f"entry {note}" for note in told], strict=True))
    # Protection that filled closed what was held, not what its entry had asked for.
    closed = query(
        path,
        """SELECT f.quantity, o.quantity, f.bar = o.bar + 1 FROM fills f JOIN orders o ON o.id = f.order_id
           WHERE o.leg IN ('stop', 'target')""",
    )
    assert any(in_entry_bar for *_, in_entry_bar in closed)
    assert all(filled == held for filled, held, _ in closed)


def compare(path, result):
    journal = Journal.at(path)
    try:
        assert_frame_equal(fills_frame(journal).select(FILL), result.orders.select(FILL), check_exact=True)
    finally:
        journal.close()
    first = result.prepared.first
    rows = query(path, "SELECT equity, cash, exposure FROM equity ORDER BY bar")[
        result.prepared.trade_from - first :
    ]
    assert rows == result.equity.select("equity", "cash", "exposure").rows()
    decided = query(
        path,
        """SELECT bar_close, symbol, scores, entry, exit, weight, stop, target, trail, time_limit, gate,
           position, intent, intent_reason FROM decisions ORDER BY bar, symbol""",
    )
    table = result.decisions.with_columns(pl.col("bar_close").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    table = table.with_columns(pl.col(pl.Float64).fill_nan(None))
    named = ["entry", "exit", "weight", "stop", "target", "trail", "limit", "gate", "position", "intent"]
    scores = [c for c in table.columns if c not in {"bar_close", "symbol", "intent_reason", *named}]
    assert len(decided) == table.height
    for row, (when, symbol, read, *values) in zip(table.iter_rows(named=True), decided, strict=True):
        assert (when, symbol) == (row["bar_close"], row["symbol"])
        assert json.loads(read) == {name: row[name] for name in scores}
        assert values == [row[name] for name in [*named, "intent_reason"]]


# --- stopped and continued ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_stopped_at_random_bars_and_continued_is_one_run(straight, tmp_path, seed):
    draw = random.Random(seed)
    path = tmp_path / "run.sqlite"
    while replayed(path, most=draw.choice([1, 2, 3, 30, 80])):
        pass
    assert content(path) == content(straight)


def test_one_bar_at_a_time_is_one_run(tmp_path):
    asked = request(start="2007-11-01", end="2007-12-31", train_fraction=0.0)
    straight, once = tmp_path / "straight.sqlite", tmp_path / "once.sqlite"
    bars = replayed(straight, asked)
    assert [replayed(once, asked, most=1) for _ in range(bars + 2)] == [1] * bars + [0, 0]
    assert content(once) == content(straight)
    assert query(straight, "SELECT count(*) FROM fills") > [(0,)]


def test_a_finished_journal_is_left_as_it_is(straight):
    before = straight.read_bytes()
    assert replayed(straight) == 0
    assert straight.read_bytes() == before


def test_bars_that_came_in_since_are_taken(tmp_path):
    """A file of bars that grows by a day is continued; what was decided does not move."""
    bars = load_sample(["IBM"])
    instants = bars["bar_close"]
    asked = Request("adaptive_momentum", start="2005-01-03")
    path = tmp_path / "run.sqlite"
    assert replayed(path, asked, bars=bars.filter(pl.col("bar_close") <= instants[1500])) > 0
    before = content(path)
    for day in (1501, 1502):
        assert replayed(path, asked, bars=bars.filter(pl.col("bar_close") <= instants[day])) == 1
    after = content(path)
    for table in ("bars", "decisions", "fills", "equity", "meta"):
        assert after[table][: len(before[table])] == before[table]
    assert len(after["equity"]) == len(before["equity"]) + 2


def delivered(bars, decimals):
    """What a vendor prints: adjusted closes anchored at the last bar, in cents or so."""
    adjusted = bars["close"] * bars["adj_factor"] / bars["adj_factor"][-1]
    factor = (adjusted if decimals is None else adjusted.round(decimals)) / bars["close"]
    return factor_from_ratio(bars.with_columns(adj_factor=factor), rounded=True)


@pytest.mark.parametrize("decimals", [None, 4, 3, 2])
def test_a_rebased_delivery_is_continued_and_its_dividend_is_paid(decimals, tmp_path):
    """On 2012-05-08, after the second delivery, IBM goes ex 0.85 USD and the vendor re-bases the column."""
    bars = load_sample(["IBM"])
    ex = bars["bar_close"].to_list().index(datetime(2012, 5, 8, 20, tzinfo=UTC))
    asked = Request("adaptive_momentum", start="2011-01-03", train_fraction=0.0)
    path, whole = tmp_path / "run.sqlite", tmp_path / "whole.sqlite"
    for last in (ex - 10, ex, ex + 1, ex + 80):
        assert replayed(path, asked, bars=delivered(bars[:last], decimals)) > 0
    paid = query(path, "SELECT bar_close, dividend FROM bars WHERE dividend > 0 ORDER BY bar")
    quarters = [
        "2011-02-08",
        "2011-05-06",
        "2011-08-08",
        "2011-11-08",
        "2012-02-08",
        "2012-05-08",
        "2012-08-08",
    ]
    assert [day[:10] for day, _ in paid] == quarters
    assert [cash for _, cash in paid] == pytest.approx([0.65, 0.75, 0.75, 0.75, 0.75, 0.85, 0.85], abs=0.01)
    if decimals is None:  # in full, the deliveries make the very run of the last one
        replayed(whole, asked, bars=delivered(bars[: ex + 80], None))
        for table in ("bars", "decisions", "fills", "equity", "orders"):
            assert content(path)[table] == content(whole)[table]


def test_another_dividend_is_refused_with_its_cause(tmp_path):
    bars = load_sample(["IBM"])
    asked = Request("adaptive_momentum", start="2012-01-03")
    path = tmp_path / "run.sqlite"
    replayed(path, asked, bars=bars)
    since = pl.col("bar_close").dt.date() >= pl.date(2012, 5, 8)
    more = bars.with_columns(adj_factor=pl.col("adj_factor") * pl.when(since).then(1.001).otherwise(1.0))
    with pytest.raises(
        DataError, match=r"IBM: the bar of 2012-05-08.*dividend 0\.8.*, now 1\.0.*in cents explain"
    ):
        replayed(path, asked, bars=more)


# --- what is journalled --------------------------------------------------------------------------------


def test_every_bar_of_the_span_is_in_the_journal_and_none_of_the_warm_up(straight):
    prepared = request().prepare(load_sample())
    panel = prepared.panel[prepared.first :]
    assert prepared.first > 1000
    assert query(straight, "SELECT min(bar), count(*) FROM equity") == [(prepared.first, len(panel))]
    closes = query(
        straight, "SELECT close, volume, split, dividend FROM bars WHERE symbol = 'IBM' ORDER BY bar"
    )
    ibm = panel.symbols.index("IBM")
    expected = np.stack([panel.close, panel.volume, panel.split, panel.dividend])[:, :, ibm].T
    assert closes == [tuple(row) for row in expected.tolist()]
    assert query(straight, "SELECT count(*) FROM decisions") == [(int(np.isfinite(panel.close).sum()),)]


def test_ids_are_the_simulated_brokers(straight):
    assert query(straight, "SELECT count(*) FROM orders WHERE id NOT LIKE 'BT-%' OR length(id) > 48") == [
        (0,)
    ]


def test_missing_bars_are_told_once_and_an_entry_that_met_one_lapsed(tmp_path, straight):
    """Take away the bar at which an entry would have filled, and one more."""
    (bar, close, symbol) = query(
        straight,
        """SELECT f.bar, f.bar_close, f.symbol FROM fills f WHERE reason = 'entry' ORDER BY f.seq LIMIT 1""",
    )[0]
    gone = pl.lit(close).str.to_datetime("%+", time_unit="us", time_zone="UTC")
    late = gone + pl.duration(days=1)
    hole = pl.col("bar_close").is_between(gone, late) & (pl.col("symbol") == symbol)
    path = tmp_path / "run.sqlite"
    replayed(path, bars=load_sample().filter(~hole))
    told = query(path, "SELECT kind, symbol, text FROM events WHERE bar IS NOT NULL ORDER BY seq LIMIT 3")
    assert [row[:2] for row in told] == [("missing bar", symbol), ("lapsed", symbol), ("bars again", symbol)]
    assert "lapsed: no bar" in told[1][2]
    legs = query(
        path,
        f"SELECT leg, status, note FROM orders WHERE bar = {bar - 1} AND symbol = '{symbol}' ORDER BY leg",
    )
    assert legs == [("entry", "lapsed", "no bar"), ("stop", "cancelled", "no position is left")]
