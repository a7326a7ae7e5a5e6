"""A trader's process as far as one can be ended and begun within another: tight rules, shipped habits."""

from __future__ import annotations

import math
import sqlite3
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from live.actions import splits_on
from live.alpaca import AlpacaAccount
from live.arrivals import Arrivals
from live.findings import Act, Policy
from live.keys import Access
from live.limits import Limits
from live.line import Line
from live.opening import open_account
from live.pace import Pace
from live.risk_context import Rules
from live.rows import utc_of
from live.schedule import LENGTHS, sessions_of
from live.talk import actions_talk, data_talk, trading_talk
from live.trader import Habits, Trader
from live.vendor import fetch
from research.kernels import account as ac
from research.request import Request
from tests.chaos.market import SYMBOLS

RULES = Rules(
    hosts={"paper": frozenset({"127.0.0.1"})},
    order_quantity=Decimal(400),
    order_notional=Decimal(30_000),
    position_notional=Decimal(36_000),
    position_share=Decimal("0.5"),
    gross_exposure=Decimal("0.9"),
    positions=3,
    orders_per_minute=8,
    orders_per_day=2_000,
    daily_loss=Decimal("0.2"),
    drawdown=Decimal("0.5"),
    stale_after=timedelta(days=6),
)
# Averages of two and three bars cross every other bar.
PARAMS: dict[str, Any] = {
    "fast": 2, "slow": 3, "stop": 0.01, "target": 0.012, "risk_cap": 0.0, "vol_target": 10.0,
    "max_weight": 0.25, "time_limit": 6,
}  # fmt: skip


def quick(path: Path) -> sqlite3.Connection:
    """Open a journal without waiting for the disk: what ends here is a process, never the machine."""
    db = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    db.execute("PRAGMA synchronous = OFF")
    return db


class Process:
    """A trader with its journal and limits.

    Parameters
    ----------
    known : Access
        Where the broker is.
    timeframe : str
    folder : Path
    clock : callable
        Now, UTC; None: the broker's.
    drift : Act
    patience : float
        Seconds that a question may take: mute hosts shall not cost nine each time.
    deadline : float
        Seconds that one request may take.
    settle : timedelta
        After a close, until its bar is asked for; as shipped. A late one is waited for as shipped, always.
    """

    def __init__(
        self, known: Access, timeframe: str, folder: Path, clock=None, *, drift: Act = Act.ADOPT,
        patience: float = 3.0, deadline: float = 1.0, settle: timedelta = Habits.settle,
    ) -> None:  # fmt: skip
        self.known, self.folder, self.patience, self.deadline = known, folder, patience, deadline
        self.clock = clock
        self.habits = Habits(
            "paper", "127.0.0.1", timeframe=timeframe, settle=settle, rules=RULES, policy=Policy(drift=drift),
        )  # fmt: skip
        self.request = Request("ma_crossover", list(SYMBOLS), params=PARAMS)
        self.open()

    def open(self) -> None:
        """Begin, or go on where the journal ends."""
        frame = self.habits.timeframe
        assert frame in LENGTHS
        self.lines = [
            Line(talk(self.known, self.deadline), Pace(10**6, 0), self.patience)
            for talk in (trading_talk, data_talk)
        ]
        actions = Line(actions_talk(self.known), Pace(10**6, 0), self.patience)
        account = AlpacaAccount(self.lines[0])
        opened = open_account(
            self.request,
            self._history,
            self.folder / "run.sqlite", mode="paper", prefix="PP-", account="paper-chaos",
            timeframe=frame, connect=quick,
        )  # fmt: skip
        self.journal, self.tracks, self.engine = opened.journal, opened.tracks, opened.runner.engine
        self.limits = Limits.at(self.folder / "limits.sqlite")
        arrivals = Arrivals(self.lines[1], SYMBOLS, frame, "iex", opened.journal)
        self.trader = Trader(
            opened.runner, account, arrivals, opened.tracks, self.limits, self.habits, self.folder,
            clock=lambda broker: broker.now if self.clock is None else self.clock(),
            splits=lambda day: splits_on(actions, SYMBOLS, day),
        )  # fmt: skip

    def _history(self) -> pl.DataFrame:
        """Return the bars of the past. Nothing goes wrong yet: a slow machine takes its time."""
        trading, data = (
            Line(talk(self.known, 60.0), Pace(10**6, 0), 120.0) for talk in (trading_talk, data_talk)
        )
        now = AlpacaAccount(trading).clock().now
        first, frame = date(2021, 1, 1), self.habits.timeframe
        hours = sessions_of(trading, first, now.date())
        return fetch(data, SYMBOLS, first, now, interval=frame, hours=hours).bars

    def again(self) -> None:
        """End without a word, and begin anew from what is on the disk."""
        self.close()
        self.open()

    def close(self) -> None:
        """End."""
        self.journal.close()
        self.limits.close()

    @property
    def last(self) -> datetime | None:
        """The close of the last bar taken."""
        return None if self.engine.last_bar is None else utc_of(self.engine.last_bar)

    def held(self) -> dict[str, float]:
        """Return the shares of the engine's own account."""
        rows = self.engine.account.positions
        return {s: float(rows[k, ac.P_QTY]) for k, s in enumerate(self.engine.symbols)}

    def stops(self) -> dict[str, float]:
        """Return the stops in force of what the engine holds."""
        rows = self.engine.account.positions
        levels = {s: float(rows[k, ac.P_PROTECT]) for k, s in enumerate(self.engine.symbols)}
        return {s: levels[s] for s, held in self.held().items() if held and not math.isnan(levels[s])}
