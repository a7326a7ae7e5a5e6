"""A trader at the fake broker, driven instant by instant: what the tests of trading share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import SecretStr

from live.actions import splits_on
from live.alpaca import AlpacaAccount
from live.arrivals import Arrivals
from live.keys import Access
from live.limits import Limits
from live.line import Line
from live.opening import open_account
from live.pace import Pace
from live.risk_context import Rules
from live.schedule import sessions_of
from live.talk import actions_talk, data_talk, trading_talk
from live.trader import Habits, Trader
from live.vendor import fetch
from research.data.sample import load_sample
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.live.canary import KEY, SECRET

# The rules' own limits are tested elsewhere: here nothing but the strategy shall say no.
FREE = Rules(
    hosts={"paper": frozenset({"127.0.0.1"})},
    order_quantity=Decimal(10**9),
    order_notional=Decimal(10**12),
    position_notional=Decimal(10**12),
    position_share=Decimal(100),
    gross_exposure=Decimal(100),
    daily_loss=Decimal(1),
    drawdown=Decimal(1),
    collar=Decimal(10),
    stale_after=timedelta(days=6),
    orders_per_minute=10**6,
    orders_per_day=10**6,
    allow_short=True,
)


def history(symbols: list[str]) -> pl.DataFrame:
    """Return the sample's bars from late in 2007 on: enough for every feature before 2010."""
    return load_sample(symbols).filter(pl.col("bar_close") > datetime(2007, 9, 1, tzinfo=UTC))


def access(fake: FakeAlpaca) -> Access:
    """Return the keys of a fake's account."""
    return Access(SecretStr(KEY), SecretStr(SECRET), False, fake.url, fake.url)


class Floor:
    """One account at one fake broker; `open` and `close` as often as a process would start and end."""

    def __init__(self, fake, folder: Path, request, *, history=None, start="2000-01-01", **habits: Any):
        self.fake, self.folder, self.request, self._history = fake, folder, request, history
        self.start, self.habits = datetime.fromisoformat(start).date(), habits
        self.timeframe = habits.get("timeframe", "1Day")
        self.trader = self.open()

    def open(self):
        """Begin, or take up again what was closed."""
        known = access(self.fake)
        fast: dict[str, Any] = {"pace": Pace(10**6, 0), "patience": 3.0}
        self.lines = Line(trading_talk(known), **fast), Line(data_talk(known), **fast)
        actions = Line(actions_talk(known), **fast)
        opened = open_account(
            self.request,
            self._history or self.fetched,
            self.folder / "run.sqlite",
            mode="paper",
            prefix="PP-",
            account="paper-test",
            timeframe=self.timeframe,
        )
        self.limits = Limits.at(self.folder / "limits.sqlite")
        habits = replace(Habits("paper", "127.0.0.1", rules=FREE), **self.habits)
        self.journal, self.tracks = opened.journal, opened.tracks
        return Trader(
            opened.runner,
            AlpacaAccount(self.lines[0]),
            Arrivals(self.lines[1], opened.runner.engine.symbols, self.timeframe, "iex", opened.journal),
            opened.tracks,
            self.limits,
            habits,
            self.folder,
            clock=lambda broker: broker.now,
            splits=lambda day: splits_on(actions, opened.runner.engine.symbols, day),
        )

    def fetched(self) -> pl.DataFrame:
        """Return every complete bar that the fake gives."""
        now = self.fake.now
        hours = None if self.timeframe == "1Day" else sessions_of(self.lines[0], self.start, now.date())
        frame, symbols = self.timeframe, self.request.symbols
        return fetch(self.lines[1], symbols, self.start, now, interval=frame, hours=hours).bars

    def close(self):
        """End the process, as far as a test can."""
        self.journal.close()
        self.limits.close()

    def reopen(self):
        """End the process and begin another."""
        self.close()
        self.trader = self.open()

    # --- time ----------------------------------------------------------------------------------

    def tick(self, at=None, times: int = 1):
        """Go to an instant and let the trader look."""
        if at is not None:
            self.fake.advance_to(at)
        for _ in range(times):
            self.trader.tick()

    def sessions(self, count: int):
        """Live through sessions: the open, the close, the evening, when tomorrow's auction takes orders."""
        now = self.fake.now
        ahead = self.fake.calendar.between(now.date(), (now + timedelta(days=2 * count + 9)).date())
        for session in [session for session in ahead if session.open > now][:count]:
            self.session(session)

    def session(self, session):
        """Live through one session, from the evening before."""
        evening = self.fake.now.replace(hour=0, minute=30)
        while evening <= self.fake.now:
            evening += timedelta(days=1)
        if evening < session.open:
            self.tick(evening, times=2)
        self.tick(session.open + timedelta(seconds=20), times=2)
        self.tick(session.close + timedelta(minutes=1))

    def rows(self, query):
        return self.journal.rows(query)


def market(bars: pl.DataFrame, start, **settings) -> FakeAlpaca:
    """Return a fake over a bar table."""
    return FakeAlpaca(bars, start=start, settings=Settings(**settings))
