"""What a trader does at an account, session by session, and what it leaves alone."""

from datetime import UTC, datetime

import polars as pl
import pytest

from live.findings import Act, Policy
from live.limits import KILL
from live.risk_context import Purpose
from research.execution import Execution
from research.request import Request
from research.simulation.backtest import run_unified_backtest
from tests.live.trading import Floor, history, market

SYMBOLS = ["AAPL", "GOOG", "IBM", "MSFT"]
START = datetime(2010, 1, 4, 22, tzinfo=UTC)  # all four are entered at the next open
PRICES = ("open", "high", "low", "close")
COSTLESS = Execution(slippage=0.0, commission=0.0)


@pytest.fixture(scope="module")
def bars():
    return history(SYMBOLS)


@pytest.fixture
def fake(bars):
    with market(bars, START) as made:
        yield made


@pytest.fixture
def floor(fake, tmp_path):
    made = Floor(fake, tmp_path, Request("adaptive_momentum", SYMBOLS, execution=COSTLESS))
    yield made
    made.close()


def kinds(floor):
    return [kind for (kind,) in floor.rows("SELECT kind FROM events ORDER BY seq")]


def told(floor, kind):
    return floor.rows(f"SELECT text FROM events WHERE kind = '{kind}' ORDER BY seq")


def test_entries_wait_for_the_auction_and_fill_at_the_open(floor, fake):
    floor.tick()
    assert fake.orders() == []  # at 17:00 in New York the auction takes none
    floor.tick("2010-01-05T00:30")
    assert {(o.time_in_force, o.type, o.status) for o in fake.orders()} == {("opg", "market", "accepted")}
    assert all(o.client_order_id.startswith("PP-") for o in fake.orders())
    floor.tick("2010-01-05T14:30:20", times=2)
    assert fake.positions() == {o.symbol: o.qty for o in fake.orders() if o.side == "buy"}
    stops = [o for o in fake.orders() if o.side == "sell"]
    assert {o.symbol: (o.type, o.time_in_force, o.qty) for o in stops} == {
        s: ("stop", "gtc", q) for s, q in fake.positions().items()
    }


def test_a_journal_begins_with_what_the_backtest_would_have_traded(floor, bars, fake):
    expected = float(floor.journal.meta("expected_trades_per_month"))
    known = bars.filter(pl.col("bar_close") <= START)
    result = run_unified_backtest(symbols=SYMBOLS, bars=known, execution=COSTLESS)
    assert expected == result.stats["trades_per_month"] > 0


def test_looking_again_does_nothing_again(floor, fake):
    floor.tick("2010-01-05T00:30", times=3)
    before = len(fake.orders())
    floor.tick(times=3)
    assert len(fake.orders()) == before == len({o.client_order_id for o in fake.orders()})


def test_an_entry_whose_open_has_passed_is_not_sent(fake, floor):
    floor.tick("2010-01-05T14:29:00")
    floor.tick("2010-01-05T15:00:00", times=2)
    assert fake.orders() == []
    assert len(told(floor, "late")) == len(SYMBOLS)  # said once for each, however often it looks
    floor.tick("2010-01-05T21:01:00")
    assert [row[0] for row in floor.rows("SELECT DISTINCT note FROM orders WHERE status = 'lapsed'")] == [
        "blocked: late (an entry must be sent before its open, was later)"
    ]


def test_bars_that_were_missed_are_caught_up_with_and_enter_nothing(fake, floor):
    floor.tick("2010-01-08T22:00")
    assert floor.trader.runner.engine.last_bar.astype("M8[D]").item().isoformat() == "2010-01-08"
    assert len(told(floor, "catching up")) == 1
    floor.tick("2010-01-09T02:00")
    wanted = floor.rows("SELECT DISTINCT bar_close FROM orders WHERE leg = 'entry' ORDER BY bar_close")
    sent = floor.rows("SELECT DISTINCT bar_close FROM orders JOIN tracked ON order_id = id")
    # Every bar wants to enter; what the missed ones wanted stays unsent.
    assert len(wanted) > 1
    assert sent == wanted[-1:] == floor.rows("SELECT max(bar_close) FROM bars")


def test_the_file_of_the_kill_switch_cancels_what_could_open_a_position(fake, floor):
    floor.tick("2010-01-05T00:30", times=2)
    (floor.folder / "KILL").write_text("enough")
    floor.tick()
    floor.tick()
    assert {o.status for o in fake.orders()} == {"canceled"}
    assert floor.limits.latched()[KILL].text == "file KILL: enough"
    floor.tick("2010-01-05T21:01")
    floor.tick("2010-01-06T00:30", times=2)
    assert fake.positions() == {}
    assert floor.rows("SELECT phase FROM pulse") == [("killed",)]


def test_protection_stays_under_the_kill_switch(fake, floor):
    floor.sessions(1)
    resting = {o.client_order_id for o in fake.orders() if o.open and o.side == "sell"}
    (floor.folder / "KILL").touch()
    floor.tick(times=2)
    assert resting
    assert resting == {o.client_order_id for o in fake.orders() if o.open}


def test_a_split_is_taken_with_shares_and_levels(bars, tmp_path):
    table = bars.filter(pl.col("symbol") == "IBM").with_row_index()
    at = table.filter(pl.col("bar_close") < datetime(2010, 1, 8, tzinfo=UTC)).height  # the bar of the 8th
    halved = [pl.col(name) / pl.when(pl.col("index") >= at).then(2.0).otherwise(1.0) for name in PRICES]
    factor = pl.when(pl.col("index") >= at).then(2.0).otherwise(1.0) * pl.col("adj_factor")
    table = table.with_columns(*halved, adj_factor=factor).drop("index")
    with market(table, START) as fake:
        floor = Floor(fake, tmp_path, Request("adaptive_momentum", ["IBM"], execution=COSTLESS))
        floor.sessions(3)
        (held,) = fake.positions().values()
        (stop,) = [o.stop_price or 0.0 for o in fake.orders() if o.open]
        floor.sessions(1)
        assert fake.positions() == {"IBM": 2 * held}
        assert told(floor, "split") == [
            (f"IBM: {held:g} shares were held, the broker has {2 * held:g}, by a split of 2",)
        ]
        ((shares, level),) = floor.rows(
            "SELECT position, stop_level FROM decisions ORDER BY bar DESC LIMIT 1"
        )
        assert shares == 2 * held
        assert level == pytest.approx(stop / 2, abs=0.01)
        (resting,) = [o for o in fake.orders() if o.open]
        assert resting.qty == 2 * held
        assert resting.stop_price == pytest.approx(level, abs=0.01)
        assert not told(floor, "quantity")
        floor.close()


@pytest.mark.parametrize("drift", ["halt", "adopt"])
def test_a_trade_by_hand_is_seen_at_the_next_look(bars, tmp_path, drift):
    with market(bars, START) as fake:
        request = Request("adaptive_momentum", SYMBOLS, execution=COSTLESS)
        floor = Floor(fake, tmp_path, request, policy=Policy(drift=Act(drift)))
        floor.sessions(1)
        held = fake.positions()["IBM"]
        fake.advance_to("2010-01-06T15:00")
        fake.trade_by_hand("IBM", -10.0)
        floor.tick(times=2)
        assert told(floor, "quantity") == [
            (f"IBM: {held:g} shares were held, the broker has {held - 10:g} ({drift})",)
        ]
        if drift == "adopt":
            floor.tick(times=2)
            protects = [o for o in fake.orders("IBM") if o.open and o.side == "sell"]
            assert [o.qty for o in protects] == [held - 10]
            floor.tick("2010-01-06T21:01")
            position = floor.rows(
                "SELECT position FROM decisions WHERE symbol = 'IBM' ORDER BY bar DESC LIMIT 1"
            )
            assert position == [(held - 10,)]
        floor.close()


def test_an_answer_that_does_not_come_is_told_once_and_heals(fake, floor):
    fake.fault("GET /v2/account", "503", times=0)
    floor.tick()
    floor.tick()
    assert kinds(floor).count("unreachable") == 1
    assert floor.rows("SELECT phase FROM pulse") == [("unreachable",)]
    fake.script.faults.clear()
    floor.tick("2010-01-05T00:30", times=2)
    assert kinds(floor).count("reachable") == 1
    assert len(fake.orders()) == len(SYMBOLS)


def test_an_exit_that_the_door_keeps_leaves_protection_where_it_is(bars, tmp_path):
    with market(bars, START) as fake:
        # Averages of two and three bars cross every other day; the stop is far away.
        params = {"fast": 2, "slow": 3, "stop": 0.3, "target": 0.9, "risk_cap": 0.0, "vol_target": 10.0}
        floor = Floor(fake, tmp_path, Request("ma_crossover", SYMBOLS, params=params, execution=COSTLESS))
        floor.sessions(2)
        held = fake.positions()
        assert held
        # Whatever the strategy wants next, the account may not trade.
        fake.settings.account["trading_blocked"] = True
        before = {o.client_order_id for o in fake.orders() if o.open}
        floor.sessions(6)
        after = {o.client_order_id for o in fake.orders() if o.open}
        assert after <= before
        wanted = {symbol for (symbol,) in floor.rows("SELECT symbol FROM orders WHERE leg = 'exit'")}
        wanted &= set(held)
        assert wanted
        kept = {text.split(" of ")[1].split()[0] for (text,) in told(floor, "blocked") if text[:4] == "exit"}
        assert kept == wanted
        assert not [t for t in floor.tracks.orders.values() if t.purpose is Purpose.EXIT]
        assert not [o for o in fake.orders() if o.side == "sell" and o.status == "canceled"]
        floor.close()


def test_a_corrected_bar_is_told_and_changes_nothing(fake, floor):
    fake.fault("data", "revise", args={"set": {"v": 123.0}, "seconds": 3600.0})
    floor.sessions(1)
    wanted = floor.rows("SELECT * FROM decisions ORDER BY bar, symbol")
    floor.sessions(1)
    assert floor.rows("SELECT * FROM decisions ORDER BY bar, symbol")[: len(wanted)] == wanted
    found = told(floor, "corrected bar")
    assert len(found) == len(SYMBOLS), found  # once for each, though each delivery brings it again
    assert all(text.startswith("bar of 2010-01-05 21:00 UTC: volume 123, now ") for (text,) in found)
    taken = floor.rows("SELECT volume FROM bars WHERE symbol = 'IBM' ORDER BY bar")
    assert taken[-2:] == [(123.0,), (123.0,)]


def test_assets_that_were_not_reached_are_asked_for_at_the_next_look_and_no_others(floor, fake):
    """Of more symbols than our rate limit allows in a minute, none would ever trade otherwise."""
    fake.fault("GET /v2/assets/IBM", "403", times=1)
    floor.tick(times=2)
    asked = [call.path.rpartition("/")[2] for call in fake.log.calls if "/assets/" in call.path]
    assert asked == ["AAPL", "GOOG", "IBM", "IBM", "MSFT"]
    assert len(told(floor, "unreachable")) == 1
    floor.tick("2010-01-05T00:30")
    assert len(fake.orders()) == len(SYMBOLS)
