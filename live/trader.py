"""One process that trades one account: the engine of the backtest, a bar at a time, at a real broker.

In: an engine in the state that the journal holds, lines to the broker, limits. Out: orders, and a journal of
all that happened. `tick` does what the instant asks for and can be called at any time, any number of times:

1. The broker's clock and calendar. Where they disagree, nothing is entered.
2. The account, reconciled (`live.world`): what was executed, cancelled, refused; what nobody can explain.
3. Limits: the loss of the day, the drawdown, the kill switch. What is hit stays hit.
4. Bars that are over: the engine takes them, with the fills that were told. Of several, only the latest may
   enter; the others are caught up with.
5. The desk (`live.desk`) sends what is wanted and may be sent.
6. The pulse, by which everybody else knows that this process lives. It is written by this loop alone, at the
   end of each tick and before each request, so that neither a row of slow answers silences it nor a thread
   goes on beating for a loop that hangs.

An answer that does not come ends the tick, not the process: it is told once, and the next tick begins anew.
What ends the process: credentials that are refused, and a journal or limits that cannot be written, since
without them no order may be sent. The orders at the broker protect meanwhile.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from live.account_payloads import asset_of
from live.alpaca import OrderConflict
from live.desk import Desk, Plan
from live.findings import Act, Policy
from live.flattening import is_closing
from live.killing import cancel_all, kill_asked, latch_kill, protects
from live.limits import KILL, Limits, Marks
from live.risk import Door
from live.risk_context import Asset, Context, Purpose, Quote, Rules
from live.rows import Event, instant_of
from live.schedule import EASTERN, LENGTHS, Schedule
from live.schema import INSERT
from live.sending import Sender
from live.tracks import utc_text
from live.transitions import State
from live.vitals import STOPPED
from live.world import Picture, World
from research.errors import DataError, KeysRefused, OutputError, Unreachable

if TYPE_CHECKING:
    import numpy as np

    from live.alpaca import AlpacaAccount, BrokerClock
    from live.arrivals import Arrivals
    from live.runner import Runner
    from live.tracks import Tracks

__all__ = ["Habits", "Trader"]

CONFLICT = "order conflict"
_BEAT = 2.0  # seconds after which the pulse is written again
_DAYS = timedelta(days=8)  # of calendar, before and after today


@dataclass(frozen=True)
class Habits:
    """How an account is traded.

    Attributes
    ----------
    mode : str
        "paper" or "live".
    host : str
        Where orders go.
    timeframe : str
        Length of a bar, as `live.schedule.LENGTHS` has it.
    settle : timedelta
        After a close, until its bar is asked for.
    patience : timedelta
        How long a symbol's late bar is waited for, before the others go on without it.
    rules : Rules
    policy : Policy
    """

    mode: str
    host: str
    timeframe: str = "1Day"
    settle: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=5)
    rules: Rules = field(default_factory=Rules)
    policy: Policy = field(default_factory=Policy)


class Trader:
    """Trade one account.

    Parameters
    ----------
    runner : Runner
        Whose broker is a `ToldBroker` over `tracks`.
    account : AlpacaAccount
    arrivals : Arrivals
    tracks : Tracks
    limits : Limits
    habits : Habits
    home : Path
        The account's folder.
    clock : callable, optional
        The time, UTC. Given the broker's: a broker on this machine may live in another year.
    published : Schedule, optional
        The exchange's calendar as everybody knows it.
    kill : callable, optional
        Why the kill switch is thrown by a signal; None if it is not.
    splits : callable, optional
        The splits of a day, by symbol.
    """

    def __init__(
        self,
        runner: Runner,
        account: AlpacaAccount,
        arrivals: Arrivals,
        tracks: Tracks,
        limits: Limits,
        habits: Habits,
        home: Path,
        *,
        clock: Callable[[BrokerClock], datetime] = lambda broker: datetime.now(UTC),
        published: Schedule | None = None,
        kill: Callable[[], str | None] = lambda: None,
        splits: Callable[[date], Mapping[str, Decimal]] = lambda day: {},
    ) -> None:
        self.runner, self.tracks, self.limits, self.habits = runner, tracks, limits, habits
        self._account, self._arrivals, self._home = account, arrivals, home
        self._clock, self._published, self._kill, self._splits_on = clock, published, kill, splits
        self._splits: Mapping[str, Decimal] = {}
        self._world = World(
            account,
            tracks,
            prefix=runner.broker.prefix,
            symbols=set(runner.engine.symbols),
            policy=habits.policy,
            wanted=runner.book.get,
        )
        sender = Sender(account, tracks, Door(habits.rules))
        self._desk = Desk(runner.engine, runner.book, runner.journal, tracks, sender, self._tell)
        self._schedule: Schedule | None = None
        self._assets: dict[str, Asset] = {}
        self._asked_on = ""
        self._told: set[tuple[str, str, str]] = set()
        self._telling: set[tuple[str, str, str]] = set()
        self._marks: Marks | None = None
        self._began = datetime.now(UTC)
        self._beaten = float("-inf")
        account.beats(self._beat)
        arrivals.beats(self._beat)

    # --- the loop ------------------------------------------------------------------------------

    def run(
        self,
        *,
        stop: Callable[[], bool],
        wait: Callable[[float], object],
        poll: float = 5.0,
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        """Tick until `stop` says so; `wait` sleeps for some seconds, or less.

        Raises
        ------
        KeysRefused
        OutputError
        """
        try:
            while not stop():
                self.tick()
                on_tick()
                if not stop():
                    wait(poll)
            self.goodbye()
        except OutputError:
            raise  # the journal or the limits cannot be written, so there is nobody to tell
        except Exception as problem:
            # The outermost loop: whatever ends a run, foreseen or not, is told before it ends.
            with suppress(OutputError):  # what is raised is the first failure, not that of telling it
                self.runner.journal.tell(Event("failed", f"{type(problem).__name__}: {problem}"))
            raise

    def goodbye(self) -> None:
        """Let the last heartbeat say that this process ends as it should."""
        self._pulse(STOPPED, "")

    def tick(self) -> None:
        """Do what this instant asks for."""
        self._telling = set()
        phase, text = "trading", ""
        self._thrown()  # before the network is asked for anything: it may be dead
        try:
            phase, text = self._tick()
        except Unreachable as problem:
            phase, text = "unreachable", str(problem)
            self._tell("unreachable", str(problem), "")
        except OrderConflict as problem:
            phase, text = "halted", str(problem)
            self.limits.latch(CONFLICT, str(problem), datetime.now(UTC))
            self._tell(CONFLICT, str(problem), "")
        except KeysRefused as problem:
            self.limits.latch("credentials", str(problem), datetime.now(UTC))
            self._pulse("halted", str(problem))
            raise
        if ("unreachable" in {k for k, _, _ in self._told}) and phase != "unreachable":
            self.runner.journal.tell(Event("reachable", "the broker answers again"))
        # What is said once stays said while it lasts; an outage's words change with each try.
        self._told = self._telling
        self._pulse(phase, text)

    def _tick(self) -> tuple[str, str]:
        clock = self._account.clock()
        now = self._clock(clock)
        schedule = self._hours(clock)
        for text in schedule.disagreements(clock.now, clock, self._published):
            self._tell("calendar", f"{text}; nothing is entered", "")
        killed = self._switch()
        last = self._last_bar()
        picture = self._world.look(clock, now, self._splits, last_bar=last)
        for finding in picture.findings:
            if finding.act in {Act.NOTE, Act.ASK, Act.LOCK, Act.HALT}:
                self._tell(str(finding.kind), f"{finding.text} ({finding.act})", finding.symbol)
        self._limit(picture, schedule)
        current = self._bars(clock.now, schedule)
        if killed:
            return "killed", "protection stays; python -m live.kill closes, and resets"
        self._send(picture, schedule, current=current)
        return ("trading", "") if current else ("waiting", "bars that are due have not come")

    # --- what is known -------------------------------------------------------------------------

    def _hours(self, clock: BrokerClock) -> Schedule:
        """Return the broker's sessions, asked for once a day."""
        day = clock.now.astimezone(EASTERN).date()
        today = day.isoformat()
        if self._schedule is None or today != self._asked_on:
            first = (clock.now - _DAYS).date()
            last = self._last_bar()
            if last is not None:
                first = min(first, last.date())
            rows = self._account.calendar(first, (clock.now + _DAYS).date())
            self._schedule = Schedule.of(rows, LENGTHS[self.habits.timeframe])
            self._assets = {s: asset_of(self._account.asset(s)) for s in self.runner.engine.symbols}
            self._beat()  # that line is none of the two that do so
            self._splits = self._splits_on(day)
            self._asked_on = today
        return self._schedule

    def _last_bar(self) -> datetime | None:
        last = self.runner.engine.last_bar
        return None if last is None else _utc(last)

    def _thrown(self) -> None:
        """Latch the kill switch if its file or its signal throws it."""
        why = kill_asked(self._home) or self._kill()
        if why is not None:
            latch_kill(self.limits, why, datetime.now(UTC))

    def _switch(self) -> bool:
        """Say whether the kill switch is thrown; then what may open a position is cancelled, at each tick."""
        latched = self.limits.latched()
        for latch in latched.values():
            self._tell("latched", f"limit `{latch.name}` since {latch.at}: {latch.text}", "")
        if KILL not in latched:
            return False
        prefix, since = self.runner.broker.prefix, datetime.fromisoformat(latched[KILL].at)
        # What protects stays, and so does what the kill command sent to close a position at the next open.
        keep = lambda order: protects(order) or is_closing(order, prefix, since)  # noqa: E731
        swept = cancel_all(self._account, prefix, keep=keep)
        for order in swept.asked:
            self._tell("killed", f"order {order.client_id} is cancelled", order.symbol)
        for problem in swept.problems:
            self._tell("killed", f"cancelling goes on: {problem}", "")
        return True

    def _limit(self, picture: Picture, schedule: Schedule) -> None:
        """Take note of the equity, and latch the losses that are hit."""
        equity = picture.account.equity
        if equity is not None and equity > 0:
            self._marks = self.limits.mark(schedule.day(picture.clock.now), equity)
        found = Door(self.habits.rules).standing(self._context(picture, schedule))
        self.limits.take(found, picture.now)

    # --- bars ----------------------------------------------------------------------------------

    def _bars(self, now: datetime, schedule: Schedule) -> bool:
        """Take the bars that are over; False while one that is due has not come."""
        last = self._last_bar()
        due = schedule.due(now - self.habits.settle)
        if last is None or due is None or due <= last:
            return True
        news = self._arrivals.since(last, now)
        for event in news.events:
            self._tell_ever(event)
        awaited = set(self.runner.engine.symbols) - self.runner.absent
        lacking = awaited - news.symbols_at(due)
        if lacking and now < due + self.habits.settle + self.habits.patience:
            self._tell(
                "late bar", f"no bar of {due:%Y-%m-%d %H:%M} UTC yet: {', '.join(sorted(lacking))}", ""
            )
            return False
        if not news.blocks:
            self._tell("no bars", f"the vendor has no bar since {last:%Y-%m-%d %H:%M} UTC; waiting", "")
            return False
        try:
            if news.anchor.height:
                self.runner.engine.reanchor(news.anchor)
            if len(news.blocks) > 1:
                text = f"{len(news.blocks) - 1} bars are caught up with; nothing is entered for them"
                self._tell("catching up", text, "")
            for block in news.blocks:
                self.runner.step(block)
        except DataError as problem:
            # The vendor contradicts itself. It may mend that; until then no bar is taken and nothing entered.
            self._tell("bars refused", str(problem), "")
            return False
        return True

    # --- orders --------------------------------------------------------------------------------

    def _send(self, picture: Picture, schedule: Schedule, *, current: bool) -> None:
        plan = Plan(
            context=lambda: self._context(picture, schedule),
            schedule=schedule,
            now=picture.clock.now,
            is_open=picture.clock.is_open,
            locked=picture.locked,
            entering=current and not picture.halted,
        )
        for symbol, shares in picture.flatten.items():
            self._desk.flatten(symbol, shares, plan)
        self._desk.serve(plan)

    def _context(self, picture: Picture, schedule: Schedule) -> Context:
        """Return the world as the risk door asks for it."""
        quotes, tracks, now = self._quotes(), self.tracks, picture.now
        reserved = sum(
            (
                t.order.quantity * quotes[t.order.symbol].price
                for t in tracks.open()
                if t.purpose is Purpose.ENTER and t.sent_at >= now and t.order.symbol in quotes
            ),
            Decimal(0),
        )
        return Context(
            now=now,
            mode=self.habits.mode,
            host=self.habits.host,
            prefix=self.runner.broker.prefix,
            equity=picture.account.equity,
            day_equity=None if self._marks is None else self._marks.day_equity,
            peak_equity=None if self._marks is None else self._marks.peak_equity,
            buying_power=picture.account.buying_power,
            reserved=reserved,
            account_faults=picture.account.faults,
            shorting=picture.account.shorting,
            clock_skew=now - picture.clock.now,
            session=schedule.session(picture.clock.now, picture.clock, self._published),
            positions={symbol: held.quantity for symbol, held in tracks.holdings.items()},
            quotes=quotes,
            assets=self._assets,
            resting=tracks.resting(),
            used_ids={name for name, t in tracks.orders.items() if t.order.state is not State.NEW},
            sent_at=tracks.sent_since(now - timedelta(days=1)),
            latched={name: latch.text for name, latch in self.limits.latched().items() if name != KILL},
            killed=self.limits.killed,
        )

    def _quotes(self) -> dict[str, Quote]:
        """Return the last two closes of each symbol, from the journal."""
        rows = self.runner.journal.rows(
            """SELECT symbol, bar_close, close, split, rank FROM (
                   SELECT symbol, bar_close, close, split,
                          row_number() OVER (PARTITION BY symbol ORDER BY bar DESC) AS rank FROM bars
                   WHERE bar > ?) WHERE rank <= 2 ORDER BY symbol, rank""",
            self.runner.bar - 40,
        )
        quotes: dict[str, Quote] = {}
        ratio = Decimal(1)
        for symbol, when, close, split, rank in rows:
            price = Decimal(str(close))
            if rank == 1:
                quotes[symbol], ratio = Quote(price, _utc(instant_of(when))), Decimal(str(split))
            else:  # the bar before, in shares of today
                quotes[symbol] = replace(quotes[symbol], before=price / ratio)
        return quotes

    # --- telling -------------------------------------------------------------------------------

    def _tell(self, kind: str, text: str, symbol: str) -> None:
        """Write an event, once while it lasts."""
        key = (kind, "" if kind == "unreachable" else text, symbol)
        if key not in self._told and key not in self._telling:
            self.runner.journal.tell(Event(kind, text, symbol or None), bar=self.runner.bar)
        self._telling.add(key)

    def _tell_ever(self, event: Event) -> None:
        """Write an event of a bar once: each delivery brings it again for days."""
        known = self.runner.journal.rows(
            "SELECT 1 FROM events WHERE kind = ? AND text = ? AND symbol IS ? LIMIT 1",
            event.kind,
            event.text,
            event.symbol,
        )
        if not known:
            self.runner.journal.tell(event, bar=self.runner.bar)

    def _pulse(self, phase: str, text: str) -> None:
        row = (
            utc_text(datetime.now(UTC)), utc_text(self._began), os.getpid(), platform.node(),
            self.habits.mode, phase, text,
        )  # fmt: skip
        self.runner.journal.put(lambda db: db.execute(INSERT["pulse"], row))
        self._beaten = time.monotonic()

    def _beat(self) -> None:
        """Show that the loop goes on; what it is about stays as the last tick left it."""
        if time.monotonic() - self._beaten >= _BEAT:
            at = utc_text(datetime.now(UTC))
            self.runner.journal.put(lambda db: db.execute("UPDATE pulse SET at = ?", (at,)))
            self._beaten = time.monotonic()


def _utc(instant: np.datetime64) -> datetime:
    found: datetime = instant.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)
