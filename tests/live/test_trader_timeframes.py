"""Each intraday timeframe at a broker whose bars go from four in the morning to eight in the evening.

The trader looks in the session, in the evening and before the open. Its journal is held against the backtest
over the bars of the sessions, which are made here, hours among them, by counting from the open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from research.execution import Execution
from research.request import Request
from research.simulation.backtest import backtest
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.sessions import Calendar
from tests.live.helpers import query
from tests.live.test_replay import compare
from tests.live.trading import Floor
from tests.studies.paper import exact_levels

SYMBOLS = ["AAA", "BBB"]
SLIPPAGE = 0.0005
PAST = 430  # bars: what the shared features need before the first decision is 412
# Averages of two and three bars cross every other bar.
PARAMS = {"fast": 2, "slow": 3, "stop": 0.02, "risk_cap": 0.0, "vol_target": 10.0, "max_weight": 0.25}
MINUTES = {"1Min": 1, "5Min": 5, "15Min": 15, "30Min": 30, "1Hour": 60}
BEFORE, AFTER = 4, 5  # bars that are traded before and after the night
CROSSES = (
    80.5,
    80.0,
    79.5,
    81.5,
)  # closes before the night: only at the last one does the fast mean cross up
# A half day is among them, of which the last hour is a half.
LAST = date(2021, 11, 26)


def ends(day, minutes):
    """Return when the bars of a session are over, counted from its open."""
    every = timedelta(minutes=minutes)
    found: list[datetime] = []
    while (end := min(day.open + every * (len(found) + 1), day.close)) not in found:
        found.append(end)
    return found


def walk(symbol, closes, seed, fixed):
    """Return bars of one symbol on the cent, by chance, but for the closes that are fixed by instant."""
    chance = np.random.default_rng(seed)
    n = len(closes)
    level, close = 0.0, np.empty(n)
    for i, move in enumerate(chance.normal(0.0, 0.004, n)):
        level = 0.98 * level + move
        close[i] = fixed.get(closes[i], 80.0 * np.exp(level))
    begin = np.concatenate([close[:1], close[:-1]]) * np.exp(chance.normal(0.0, 0.001, n))
    high = np.maximum(begin, close) * np.exp(np.abs(chance.normal(0.0, 0.002, n)))
    low = np.minimum(begin, close) * np.exp(-np.abs(chance.normal(0.0, 0.002, n)))
    begin, high, low, close = (np.round(values, 2) for values in (begin, high, low, close))
    names = ("symbol", "bar_close", "open", "high", "low", "close", "volume")
    rows = zip([symbol] * n, closes, begin, high, low, close, 1_000.0 + np.arange(n) % 7, strict=True)
    table = pl.DataFrame(list(rows), schema=names, orient="row")
    return table.with_columns(pl.col("bar_close").cast(pl.Datetime("us", "UTC")))


def hours_of(halves, days):
    """Return hours counted from each open, of half hours."""
    rows = []
    for symbol in SYMBOLS:
        known = {row["bar_close"]: row for row in halves.filter(symbol=symbol).iter_rows(named=True)}
        for day in days:
            begin = day.open
            for end in ends(day, 60):
                group = [row for close, row in known.items() if begin < close <= end]
                high, low = max(r["high"] for r in group), min(r["low"] for r in group)
                volume = sum(r["volume"] for r in group)
                rows.append((symbol, end, group[0]["open"], high, low, group[-1]["close"], volume))
                begin = end
    return pl.DataFrame(rows, schema=halves.schema, orient="row")


@pytest.mark.parametrize("timeframe", MINUTES)
def test_a_trader_of_each_timeframe_is_the_backtest_over_the_bars_of_the_sessions(timeframe, tmp_path):
    minutes = MINUTES[timeframe]
    calendar = Calendar.of()
    days = calendar.between(LAST - timedelta(days=130), LAST + timedelta(days=4))
    at = next(i for i, day in enumerate(days) if day.date == LAST)
    per_day = 390 // minutes + (390 % minutes > 0)
    days = days[at - PAST // per_day - 2 : at + 2]
    assert [day.date.isoformat() for day in days[-3:]] == ["2021-11-24", "2021-11-26", "2021-11-29"]
    closes = [end for day in days for end in ends(day, min(minutes, 30))]
    traded = ends(days[-2], minutes)[-BEFORE:] + ends(days[-1], minutes)[:AFTER]
    crosses = {"AAA": dict(zip(traded, CROSSES, strict=False)), "BBB": {}}
    tape = pl.concat([walk(symbol, closes, 7 + k, crosses[symbol]) for k, symbol in enumerate(SYMBOLS)])
    bars = hours_of(tape, days) if timeframe == "1Hour" else tape
    costs = Execution(slippage=SLIPPAGE, commission=0.0)
    request = Request("ma_crossover", SYMBOLS, params=PARAMS, execution=costs)
    settings = Settings(slippage=SLIPPAGE, extended=True)
    with (
        exact_levels(),
        FakeAlpaca(tape, start=traded[0] + timedelta(seconds=40), settings=settings) as fake,
    ):
        first = days[0].date.isoformat()
        floor = Floor(fake, tmp_path, request, start=first, timeframe=timeframe)
        floor.tick(times=3)
        for before, close in pairwise(traded):
            if before == days[-2].close:
                # What the vendor shows then is no bar; from seven o'clock the auction takes orders.
                for hours in (0.52, 1.02, 3.0, 6.2):
                    floor.tick(before + timedelta(hours=hours))
                floor.tick(days[-1].open - timedelta(minutes=20))
                floor.tick(days[-1].open + timedelta(seconds=20), times=3)
            floor.tick(close + timedelta(seconds=40), times=3)
        path = floor.journal.path
        outside = floor.rows("SELECT count(*) FROM events WHERE text LIKE 'bars outside the broker%'")
        floor.close()
    decided = query(path, "SELECT DISTINCT bar_close FROM decisions ORDER BY bar_close")
    assert [datetime.fromisoformat(when) for (when,) in decided] == traded
    assert outside == [(1,)]
    asked = replace(request, start=traded[0], end=traded[-1], train_fraction=0.0)
    compare(path, backtest(asked, bars))
    overnight = query(
        path, "SELECT symbol, state FROM tracked WHERE purpose = 'enter' AND fields LIKE '%opg%'"
    )
    assert ("AAA", "filled") in overnight
    protected = query(path, "SELECT count(*) FROM tracked WHERE purpose = 'protect' AND state <> 'rejected'")
    assert protected > [(0,)]
