"""The backtest's figures and tables, held against the account they come from."""

import numpy as np
import polars as pl
import pytest

from research.data import Panel, load_sample
from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.execution import Execution
from research.kernels.account import empty_orders, new_account
from research.kernels.scan import scan_nb
from research.simulation.backtest import run_unified_backtest
from research.simulation.trades import round_trips

STRATEGIES = ("adaptive_momentum", "ma_crossover")


@pytest.fixture(scope="module", params=STRATEGIES)
def result(request):
    return run_unified_backtest(strategy=request.param)


def test_the_public_figures_are_percent(result):
    assert result.total_return == 100 * result.stats["total_return"]
    assert result.win_rate == 100 * result.stats["win_rate"]
    assert result.sharpe_ratio == result.stats["sharpe_ratio"]
    final = result.equity["equity"][-1]
    assert result.total_return == pytest.approx(100 * (final / 100_000 - 1), rel=1e-12)


def test_every_dollar_is_accounted_for(result):
    """Trades (with dividends, costs and split fractions) add up to what equity gained."""
    gained = result.equity["equity"][-1] - 100_000.0
    assert result.trades["pnl"].sum() == pytest.approx(gained, rel=1e-9)
    assert result.trades["fees"].sum() == pytest.approx(result.stats["commission_paid"], rel=1e-12)
    assert result.orders["fee"].sum() == pytest.approx(result.stats["commission_paid"], rel=1e-12)
    assert result.orders["slippage_cost"].sum() == pytest.approx(result.stats["slippage_paid"], rel=1e-9)
    assert result.stats["dividends_received"] > 1000


def test_positions_held_through_a_split_keep_their_value(result):
    """AAPL split 2:1 on 2005-02-28; a trade across it sells twice what it bought, at half the price."""
    splits = result.trades.filter(
        (pl.col("symbol") == "AAPL")
        & (pl.col("entry_at").dt.date() < pl.date(2005, 2, 28))
        & (pl.col("exit_at").dt.date() > pl.date(2005, 2, 28))
    )
    assert splits.height == 1
    assert splits["exit_quantity"][0] == 2 * splits["quantity"][0]
    day = result.equity.filter(
        pl.col("bar_close").dt.date().is_between(pl.date(2005, 2, 25), pl.date(2005, 2, 28))
    )
    assert abs(day["equity"][1] / day["equity"][0] - 1) < 0.03


def test_nothing_trades_in_the_reserved_bars(result):
    decided = result.orders["decided_at"].min()
    assert decided >= result.equity["bar_close"][0]
    span = result.decisions["bar_close"].n_unique()
    assert result.equity.height == span - int(0.3 * span)
    assert result.decisions.filter(pl.col("gate") == "training bars").height > 0


def test_fills_are_raw_opens_with_slippage(result):
    bars = load_sample().select("bar_close", "symbol", "open", "low", "high")
    entries = result.orders.filter(pl.col("reason") == "entry").join(bars, on=["bar_close", "symbol"])
    assert entries.height > 50
    np.testing.assert_allclose(entries["price"], entries["open"] * 1.0005, rtol=1e-14)
    assert (entries["quantity"] == entries["quantity"].round()).all()
    np.testing.assert_allclose(entries["fee"], entries["price"] * entries["quantity"] * 0.001, rtol=1e-14)
    # Decided at the close before.
    assert (entries["decided_at"] < entries["bar_close"]).all()


def test_decisions_say_what_blocked_every_bar(result):
    table = result.decisions
    assert table.select(pl.struct("bar_close", "symbol").is_duplicated().any()).item() is False
    passed = table.filter(pl.col("gate") == "")
    assert (passed["intent"] != 0).all()
    assert (passed["intent_reason"] == "entry").all()
    held = table.filter(pl.col("gate") == "already held")
    assert (held["position"] != 0).all()
    exits = table.filter(pl.col("intent_reason") == "signal")
    assert (exits["intent"] == -exits["position"]).all()
    assert (
        sum(result.funnel.values())
        == table.filter(pl.col("bar_close") >= result.equity["bar_close"][0]).height
    )


def test_every_order_has_the_decision_it_came_from(result):
    """Entry and signal exits are the intents of the decisions table, no more and no fewer."""
    intents = result.decisions.filter(pl.col("intent") != 0).select("bar_close", "symbol", "intent_reason")
    orders = result.orders.filter(pl.col("reason").is_in(["entry", "signal", "time"])).select(
        pl.col("decided_at").alias("bar_close"), "symbol", pl.col("reason").alias("intent_reason")
    )
    last = result.equity["bar_close"][-1]
    intents = intents.filter(pl.col("bar_close") < last)
    assert sorted(orders.rows()) == sorted(intents.rows())


def test_entries_cut_to_the_cash_say_so():
    """Three symbols that want 95 % each: what the cash cut is counted, and what was decided is kept."""
    greedy = {"max_weight": 0.95, "vol_target": 1.0, "risk_cap": 0.0, "risk_aversion": 0.0}
    result = run_unified_backtest(symbols=["AAPL", "IBM", "MSFT"], params=greedy)
    decided = result.decisions.filter(pl.col("intent_reason") == "entry")
    entries = result.orders.filter(pl.col("reason") == "entry").join(
        decided.select(pl.col("bar_close").alias("decided_at"), "symbol", "intent"),
        on=["decided_at", "symbol"], how="left", maintain_order="left",
    )  # fmt: skip
    cut = entries.filter(pl.col("quantity") < pl.col("asked"))
    assert cut.height > 20
    assert f"{cut.height} entries were cut to the cash at hand; `orders` has what was asked" in result.notes
    assert (entries["asked"] == entries["intent"]).all()  # none of them waited over a split
    others = result.orders.filter(pl.col("reason") != "entry")
    assert (others["asked"] == others["quantity"]).all()
    # What a cut entry leaves does not buy one share more.
    cash = dict(result.equity.select("bar_close", "cash").iter_rows())
    last = result.orders.group_by("bar_close").agg(pl.len())
    alone = cut.join(last.filter(pl.col("len") == 1), on="bar_close", how="semi")
    assert alone.height > 5
    assert all(cash[row["bar_close"]] < 1.001 * row["price"] for row in alone.iter_rows(named=True))


def test_nothing_is_said_of_cuts_where_there_was_none(result):
    assert (result.orders["asked"] >= result.orders["quantity"]).all()
    cut = (result.orders["asked"] > result.orders["quantity"]).any()
    assert any("were cut to the cash" in note for note in result.notes) == cut


def test_buy_and_hold_by_hand():
    """One symbol without dividends or splits: whole shares at the next open, marked at the last close."""
    execution = Execution(dividends=False)
    result = run_unified_backtest("GOOG", "2009-01-01", "2012-12-31", execution=execution)
    bars = load_sample(["GOOG"]).filter(pl.col("bar_close") >= result.equity["bar_close"][0])
    close, buy = bars["close"][0], bars["open"][1] * 1.0005
    shares = min(np.floor(100_000 / close), np.floor(100_000 / 1.001 / buy))
    last = bars.filter(pl.col("bar_close") <= result.equity["bar_close"][-1])["close"][-1]
    expected = 100_000 - shares * buy * 1.001 + shares * last
    assert result.equity["buy_and_hold"][-1] == pytest.approx(expected, rel=1e-12)
    assert result.benchmark["total_return"] == pytest.approx(expected / 100_000 - 1, rel=1e-9)


def test_an_earlier_end_is_a_prefix_of_a_later_one():
    """What was traded until 2010 does not depend on bars after it."""
    early = run_unified_backtest("AAPL", "2003-01-01", "2010-06-30", train_fraction=0.0)
    late = run_unified_backtest("AAPL", "2003-01-01", "2012-12-31", train_fraction=0.0)
    assert early.orders.height > 20
    assert early.orders.equals(late.orders.head(early.orders.height))
    assert early.equity.drop("buy_and_hold").equals(
        late.equity.drop("buy_and_hold").head(early.equity.height)
    )


def test_one_symbol_or_several():
    one = run_unified_backtest("IBM")
    same = run_unified_backtest(symbols=["IBM"])
    assert one.orders.equals(same.orders)
    with pytest.raises(BadValue, match="give `symbol` or `symbols`, not both"):
        run_unified_backtest("IBM", symbols=["MSFT"])


def test_own_bars_and_no_trade_is_said():
    bars = load_sample(["IBM"])
    result = run_unified_backtest(bars=bars, params={"threshold": 10.0})
    assert result.orders.height == 0
    assert np.isnan(result.win_rate)
    assert result.total_return == 0.0
    assert any("no trade was made" in note for note in result.notes)


def test_refusals():
    with pytest.raises(UnknownName, match="did you mean 'MSFT'"):
        run_unified_backtest("MSTF")
    with pytest.raises(NotEnoughHistory):
        run_unified_backtest("FB")


def test_shorts_pay_dividends_and_add_up():
    result = run_unified_backtest(
        symbols=["IBM", "MSFT"], params={"threshold": 0.1}, execution=Execution(allow_short=True)
    )
    shorts = result.trades.filter(pl.col("side") == "short")
    assert shorts.height > 20
    assert (shorts["income"] <= 0).all()
    assert (shorts["income"] < 0).any()
    gained = result.equity["equity"][-1] - 100_000.0
    assert result.trades["pnl"].sum() == pytest.approx(gained, rel=1e-9, abs=1e-6)


def test_a_reverse_split_that_leaves_no_share_ends_the_trade():
    """Ten shares through 1:50 are no share; their value is paid in cash at that open."""
    panel = Panel(
        symbols=("XYZ",),
        bar_close=np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]").astype("datetime64[us]"),
        **{name: np.array([[2.0], [2.0], [100.0], [100.0]]) for name in ("open", "high", "low", "close")},
        volume=np.ones((4, 1)),
        factor=np.ones((4, 1)),
        split=np.array([[1.0], [1.0], [0.02], [1.0]]),
        dividend=np.zeros((4, 1)),
    )
    signals = np.full((8, 1, 4), np.nan)
    signals[[0, 1, 7]] = 0.0
    signals[0, 0, 0], signals[2] = 1.0, 0.02  # 2 % of 1,000 USD at 2 USD: ten shares
    account, orders = new_account(1, 1000.0), empty_orders(4, 1)
    fields = (panel.open, panel.high, panel.low, panel.close, panel.split, panel.dividend)
    o, h, low, c, split, dividend = (np.ascontiguousarray(a.T) for a in fields)
    execution = Execution(slippage=0.0, commission=0.0)
    equity, none = np.empty(4), np.empty(0)
    count = scan_nb(
        account, o, h, low, c, split, dividend, signals, execution.as_array(), 0, orders,
        equity, none, none, np.empty((1, 0, 11)), np.empty((1, 0)),
    )  # fmt: skip
    assert count == 1
    trip = round_trips(orders[:count], panel, execution).row(0, named=True)
    assert (trip["status"], trip["reason"], trip["quantity"], trip["exit_quantity"]) == (
        "closed",
        "split",
        10.0,
        0.0,
    )
    assert trip["exit_at"].day == 3
    assert trip["income"] == pytest.approx(20.0)
    assert trip["pnl"] == pytest.approx(0.0, abs=1e-12)
    assert equity.tolist() == pytest.approx([1000.0] * 4)


def test_buy_and_hold_buys_what_misses_a_bar_later():
    """AAPL lacks the bar after the decision: it is bought one bar later, not never."""
    bars = load_sample(["AAPL", "IBM"])
    whole = run_unified_backtest(bars=bars)
    day = whole.equity["bar_close"][1]
    gap = run_unified_backtest(bars=bars.filter((pl.col("symbol") != "AAPL") | (pl.col("bar_close") != day)))
    assert gap.benchmark["total_return"] == pytest.approx(whole.benchmark["total_return"], rel=0.1)
    assert not any("buy and hold is of" in note for note in gap.notes)


def test_buy_and_hold_says_whom_it_left_out():
    result = run_unified_backtest(symbols=["AAPL", "FB", "IBM"])
    assert any(
        "buy and hold is of 2 symbols; not trading when it bought: FB" in note for note in result.notes
    )


def test_a_position_without_a_last_bar_is_said_and_others_are_not():
    bars = load_sample(["AAPL", "IBM"])
    held = run_unified_backtest(bars=bars).trades.filter(symbol="AAPL")["entry_at"][5]
    cut = bars.filter((pl.col("symbol") != "AAPL") | (pl.col("bar_close") <= held))
    notes = run_unified_backtest(bars=cut).notes
    assert any("marked at the last close there was: AAPL" in note for note in notes)
    early = run_unified_backtest(symbols=["AAPL", "FB"], end_date="2011-01-01").notes
    assert not any("marked at" in note for note in early)


def hourly(seed, days, per_day):
    """Random bars, `per_day` a weekday at first and twice as many from the middle on."""
    rng = np.random.default_rng(seed)
    instants = []
    for i, day in enumerate(np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]")[:days]):
        if int(np.is_busday(day)):
            hours = per_day * (2 if i > days // 2 else 1)
            instants += [
                day.astype("datetime64[us]") + np.timedelta64(14 * 60 + 30 * k, "m") for k in range(hours)
            ]
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, len(instants))))
    opening = close * np.exp(rng.normal(0.0, 0.002, close.size))
    return pl.DataFrame(
        {
            "symbol": ["XYZ"] * close.size,
            "bar_close": np.array(instants).astype("datetime64[us]"),
            "open": opening,
            "high": np.maximum(opening, close) * 1.002,
            "low": np.minimum(opening, close) * 0.998,
            "close": close,
            "volume": rng.integers(1000, 9000, close.size).astype(float),
        }
    ).with_columns(pl.col("bar_close").dt.replace_time_zone("UTC"))


def test_no_future_through_the_request():
    """The bars' rhythm changes after the cut; what was decided before it does not."""
    bars = hourly(5, 500, 4)
    half = bars["bar_close"][int(0.45 * bars.height)]
    early = run_unified_backtest(bars=bars.filter(pl.col("bar_close") <= half), train_fraction=0.0)
    late = run_unified_backtest(bars=bars, train_fraction=0.0)
    assert early.orders.height > 10
    assert early.prepared.params == late.prepared.params
    assert early.orders.equals(late.orders.head(early.orders.height))


def test_shorts_are_asked_of_the_execution():
    with pytest.raises(BadValue, match=r"must agree with the execution's, was 1; ask for it with Execution"):
        run_unified_backtest("IBM", params={"allow_short": 1})
