"""Small markets whose every fill can be computed by hand: two symbols for five days, one for minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl

from tests.fake_alpaca.desk import submit
from tests.fake_alpaca.sessions import Calendar, Session, eastern

MONDAY = date(2026, 3, 2)  # the week before daylight saving begins, so an open is at 14:30 UTC

# open, high, low, close of Monday to Friday
AAA = [(100, 102, 99, 101), (102, 106, 101, 105), (104, 105, 96, 97), (90, 92, 88, 91), (91, 95, 90, 94)]
BBB = [(50, 51, 49, 50), (50, 50.5, 49.5, 50), (50, 52, 50, 51), (51, 53, 50, 52), (52, 54, 51, 53)]


def week(first: date = MONDAY, weeks: int = 3) -> Calendar:
    """Return the plain weekdays of some weeks as sessions; the first Friday is a half day."""
    days = [first + timedelta(days=7 * w + d) for w in range(weeks) for d in range(5)]
    ends = {days[4]: "13:00"}
    return Calendar(Session(d, eastern(d, "09:30"), eastern(d, ends.get(d, "16:00"))) for d in days)


def table(rows) -> pl.DataFrame:
    """Return a bar table of (symbol, bar_close, open, high, low, close)."""
    found = pl.DataFrame(rows, schema=["symbol", "bar_close", "open", "high", "low", "close"], orient="row")
    floats = [pl.col(c).cast(pl.Float64) for c in ("open", "high", "low", "close")]
    instant = pl.col("bar_close").cast(pl.Datetime("us", "UTC"))
    return found.with_columns(*floats, instant, volume=pl.lit(1_000.0))


def daily(calendar: Calendar | None = None, span: int = 30, **symbols) -> pl.DataFrame:
    """Return daily bars of AAA and BBB, or of the symbols given."""
    sessions = (calendar or week()).between(MONDAY, MONDAY + timedelta(days=span))
    chosen = symbols or {"AAA": AAA, "BBB": BBB}
    return table(
        (symbol, session.close, *prices)
        for symbol, rows in chosen.items()
        for session, prices in zip(sessions, rows, strict=False)
    )


def minutes(n: int = 30, start: float = 100.0, symbol: str = "AAA") -> pl.DataFrame:
    """Return n one-minute bars from Monday's open, each rising by a tenth."""
    begin = eastern(MONDAY, "09:30")
    prices = [round(start + i / 10, 2) for i in range(n + 1)]
    return table(
        (symbol, begin + timedelta(minutes=i + 1), prices[i], prices[i + 1], prices[i], prices[i + 1])
        for i in range(n)
    )


def placed(fake, symbol="AAA", qty=10, side="buy", type="market", time_in_force="day", **more):  # noqa: A002
    """Place an order without a client, let it trade, and return it."""
    body = {"symbol": symbol, "qty": qty, "side": side, "type": type, "time_in_force": time_in_force, **more}
    order = submit(fake.exchange, body)
    fake.exchange.activate(order)
    return order


def at(day: int, hhmm: str = "16:00") -> datetime:
    """Return an Eastern wall time of a day of the first week, 0 is Monday, in UTC."""
    return eastern(MONDAY + timedelta(days=day), hhmm).astimezone(UTC)
