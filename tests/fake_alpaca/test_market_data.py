"""The data API through alpaca-py: bars by pages, adjusted, aggregated; only what is known by now."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import (
    CorporateActionsRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.talk import talking
from tests.fake_alpaca.worlds import AAA, at, daily, minutes, table, week

START = datetime(2026, 3, 1, tzinfo=UTC)


def ask(client, symbols=("AAA", "BBB"), frame=TimeFrame.Day, **more):
    more = {"feed": "iex", "adjustment": "raw", "start": START, **more}
    return client.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=list(symbols), timeframe=frame, **more)
    ).data


def test_only_bars_that_are_known_by_now(fake, clients):
    assert ask(clients.data) == {}
    fake.advance_to(at(1))
    found = ask(clients.data)
    assert [(b.open, b.high, b.low, b.close) for b in found["AAA"]] == AAA[:2]
    assert found["BBB"][0].timestamp == datetime(2026, 3, 2, 5, tzinfo=UTC)  # midnight in New York


def test_the_running_session_has_a_bar_that_is_not_complete(fake, clients):
    fake.advance_to(at(1, "12:00"))
    last = ask(clients.data)["AAA"][-1]
    assert (last.open, last.high, last.close, last.volume) == (102, 102, 102, 0)
    fake.view.forming = False
    assert len(ask(clients.data)["AAA"]) == 1


def test_pages_symbols_and_limits(fake, clients):
    fake.advance_to(at(4))
    fake.settings.page = 3
    found = ask(clients.data)
    assert [len(found[s]) for s in ("AAA", "BBB")] == [5, 5]
    assert fake.log.count("GET /v2/stocks/bars") == 4
    assert sum(map(len, ask(clients.data, limit=7).values())) == 7
    assert list(ask(clients.data, ("AAA", "ZZZ"))) == ["AAA"]
    assert [b.close for b in ask(clients.data, ("AAA",), sort="desc")["AAA"]][:2] == [94, 91]
    assert len(ask(clients.data, ("AAA",), end=datetime(2026, 3, 3, 5, tzinfo=UTC))["AAA"]) == 2


def test_adjustments_anchor_at_the_last_bar_known():
    rows = daily(AAA=[*AAA[:2], (52, 53, 48, 48.5), (45, 46, 44, 45.5)])
    bars = rows.with_columns(adj_factor=pl.Series([0.5, 0.5, 1.0, 1.0]))
    with FakeAlpaca(bars, start=at(1, "20:00"), calendar=week()) as fake, talking(fake) as clients:
        assert [b.close for b in ask(clients.data, adjustment="split")["AAA"]] == [101, 105]
        fake.advance_to(at(2, "20:00"))
        assert [b.close for b in ask(clients.data, adjustment="split")["AAA"]] == [50.5, 52.5, 48.5]
        assert [b.close for b in ask(clients.data, adjustment="all")["AAA"]] == [50.5, 52.5, 48.5]
        assert [b.close for b in ask(clients.data, adjustment="raw")["AAA"]] == [101, 105, 48.5]


def test_timeframes_are_put_together():
    with FakeAlpaca(minutes(30), start=at(0, "10:00"), calendar=week()) as fake, talking(fake) as clients:
        assert len(ask(clients.data, frame=TimeFrame.Minute)["AAA"]) == 30
        five = ask(clients.data, frame=TimeFrame(5, TimeFrameUnit.Minute))["AAA"]
        assert [(b.open, b.high, b.volume) for b in five[:2]] == [(100, 100.5, 5000), (100.5, 101, 5000)]
        assert five[1].timestamp - five[0].timestamp == timedelta(minutes=5)
        (day,) = ask(clients.data, frame=TimeFrame.Day)["AAA"]
        assert (day.open, day.close, day.volume) == (100, 103, 30_000)


def test_latest_and_snapshots(fake, clients):
    fake.advance_to(at(1, "12:00"))
    both = ["AAA", "BBB"]
    assert (
        clients.data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=both))["AAA"].close == 101
    )
    assert (
        clients.data.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="AAA"))["AAA"].price
        == 102
    )
    quote = clients.data.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols=both))["BBB"]
    assert (quote.bid_price, quote.ask_price) == (49.99, 50.01)
    found = clients.data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=both))["AAA"]
    assert (found.daily_bar.open, found.previous_daily_bar.close, found.latest_trade.price) == (102, 101, 102)


def test_the_latest_bar_is_complete_even_when_one_is_missing(fake, clients):
    fake.fault("data", "missing", at=at(1), match={"symbol": "AAA"})
    fake.advance_to(at(2, "12:00"))
    found = clients.data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=["AAA", "BBB"]))
    assert (found["AAA"].close, found["BBB"].timestamp.day) == (101, 3)


def test_corporate_actions():
    rows = daily(AAA=[*AAA[:2], (52, 53, 48, 48.5), (45, 46, 44, 45.5)])
    # Two for one before Wednesday, then 0.485 (1 % of 48.5) before Thursday.
    bars = rows.with_columns(adj_factor=pl.Series([0.5 * 0.99, 0.5 * 0.99, 0.99, 1.0]))
    with FakeAlpaca(bars, start=at(4, "20:00"), calendar=week()) as fake, talking(fake) as clients:
        asked = CorporateActionsRequest(symbols=["AAA"], start=START.date(), end=at(7).date())
        found = clients.actions.get_corporate_actions(asked).data
        (split,), (paid,) = found["forward_splits"], found["cash_dividends"]
        assert (split.new_rate, split.ex_date.isoformat()) == (2, "2026-03-04")
        assert paid.rate == pytest.approx(0.485, abs=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"feed": "none"}, {"adjustment": "none"}, {"timeframe": "1Year"}, {"limit": 0}]
)
def test_bad_questions_are_refused(clients, wrong):
    asked = {"symbols": "AAA", "timeframe": "1Day", **wrong}
    with pytest.raises(APIError) as caught:
        clients.data.get("/stocks/bars", asked)
    assert caught.value.status_code == 400


def test_extended_hours_are_among_the_bars_when_asked_for():
    """…and hours are the clock's: the one from nine holds both sides of the open. Days hold neither."""
    bars = table(
        ("AAA", at(0, "09:30") + timedelta(minutes=30 * (i + 1)), 100, 102, 99, 101) for i in range(13)
    )
    half, hour = TimeFrame(30, TimeFrameUnit.Minute), TimeFrame(1, TimeFrameUnit.Hour)
    with FakeAlpaca(bars, start=at(0, "21:00"), calendar=week(), settings=Settings(extended=True)) as fake:
        with talking(fake) as clients:
            halves, hours, days = (ask(clients.data, frame=f)["AAA"] for f in (half, hour, TimeFrame.Day))
        assert fake.exchange.account.marks["AAA"] == 101  # nothing trades out there
    assert [bar.timestamp for bar in (halves[0], halves[-1])] == [at(0, "04:00"), at(0, "19:30")]
    assert (len(halves), halves[0].open, halves[-1].close) == (32, 103.0, 97.97)
    nine = next(bar for bar in hours if bar.timestamp == at(0, "09:00"))
    assert (nine.open, nine.high, nine.low, nine.close, nine.volume) == (103.0, 103.0, 99.0, 101.0, 1077.0)
    assert len(hours) == 16
    assert [(bar.high, bar.volume) for bar in days] == [(102, 13_000)]
