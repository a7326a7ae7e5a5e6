"""One process that trades one account: the engine of the backtest, a bar at a time, at a real broker.

In: an engine in the state that the journal holds, lines to the broker, limits. Out: orders, and a journal of
all that happened. `tick` does what the instant asks for and can be called at any time, any number of times:

1. The kill switch: while it is thrown, what may open a position is cancelled. Then the broker's clock and
   calendar; where they disagree, nothing is entered.
2. The account, reconciled (`live.world`): what was executed, cancelled, refused; what nobody can explain.
3. Limits: the loss of the day, the drawdown. What is hit stays hit.
4. Bars that are over (`live.taking`): the engine takes them, with the fills that were told. Of several, only
   the latest may enter; the others are caught up with.
5. The desk (`live.desk`) sends what is wanted and may be sent.
6. The pulse, by which everybody else knows that this process lives. It is written by this loop alone, at the
   end of each tick and before each request, so that neither a row of slow answers silences it nor a thread
   goes on beating for a loop that hangs.

An answer that does not come ends the tick, not the process: it is told once, and the next tick begins anew.
What ends the process: credentials that are refused, and a journal or limits that cannot be written, since
without them no order may be sent. The orders at the broker protect meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from live.account_payloads import asset_of
from live.alpaca import OrderConflict
from live.arrivals import LOOK_BACK
from live.coming import Coming
from live.desk import Desk, Plan
from live.findings import Act
from live.habits import Habits
from live.killing import kill_asked, latch_kill
from live.limits import Limits
from live.losses import Losses
from live.orders import Leg
from live.outlook import Quotes, context_of
from live.risk import Door
from live.risk_context import Asset, Context
from live.rows import Event
from live.schedule import EASTERN, LENGTHS, Schedule
from live.sending import Sender
from live.switch import Switch, killed_text
from live.taking import Taking
from live.telling import UNREACHABLE, Voice
from live.vitals import STOPPED
from live.world import Picture, World
from research.errors import KeysRefused, OutputError, Unreachable

if TYPE_CHECKING:
    from live.alpaca import AlpacaAccount, BrokerClock
    from live.arrivals import Arrivals
    from live.runner import Runner
    from live.tracks import Tracks

__all__ = ["Habits", "Trader"]

CONFLICT = "order conflict"
_DAYS = timedelta(days=8)  # of calendar, before and after today


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
        self._account, self._home = account, home
        self._clock, self._published, self._kill = clock, published, kill
        self._coming, self._splits = Coming(splits), dict[str, Decimal]()
        self._voice = Voice(runner.journal, habits.mode, lambda: runner.bar)
        self._world = World(
            account,
            tracks,
            runner.book,
            symbols=set(runner.engine.symbols),
            policy=habits.policy,
        )
        sender = Sender(account, tracks, Door(habits.rules))
        self._desk = Desk(runner.engine, runner.book, runner.journal, tracks, sender, self._voice.tell)
        self._switch = Switch(account, limits, tracks, runner.broker.prefix, self._voice.tell)
        self._schedule: Schedule | None = None
        self._assets: dict[str, Asset] = {}
        self._asked_on, self._assets_of = "", ""
        self._unasked: list[str] = []
        self._losses = Losses(limits, runner.journal, self._voice.tell)
        self._quotes = Quotes(runner.journal)
        self._taking = Taking(runner, arrivals, habits, self._voice.tell)
        account.beats(self._voice.beat)
        arrivals.beats(self._voice.beat)

    # --- the loop ------------------------------------------------------------------------------

    def run(
        self,
        *,
        stop: Callable[[], bool],
        wait: Callable[[float], object],
        poll: float = 5.0,
        on_tick: Callable[[], None] = lambda: None,
        once: bool = False,
    ) -> None:
        """Tick until `stop` says so, or once; `wait` sleeps for some seconds, or less.

        Raises
        ------
        KeysRefused
        OutputError
        """
        try:
            while not stop():
                self.tick()
                on_tick()
                if once:
                    break
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
        self._voice.pulse(STOPPED, "")

    def tick(self) -> None:
        """Do what this instant asks for."""
        phase, text = "trading", ""
        self._thrown()  # before the network is asked for anything: it may be dead
        try:
            phase, text = self._tick()
        except Unreachable as problem:
            phase, text = UNREACHABLE, str(problem)
            self._voice.tell(UNREACHABLE, str(problem), "")
        except OrderConflict as problem:
            phase, text = "halted", str(problem)
            self.limits.latch(CONFLICT, str(problem), datetime.now(UTC))
            self._voice.tell(CONFLICT, str(problem), "")
        except KeysRefused as problem:
            self.limits.latch("credentials", str(problem), datetime.now(UTC))
            self._voice.pulse("halted", str(problem))
            raise
        self._voice.turn()
        self._voice.pulse(phase, text)

    def _tick(self) -> tuple[str, str]:
        killed = self._switch.heed()  # before any question that may not be answered
        clock = self._account.clock()
        now = self._clock(clock)
        schedule = self._hours(clock)
        for text in schedule.disagreements(clock.now, clock, self._published):
            self._voice.tell("calendar", f"{text}; nothing is entered", "")
        last = self._taking.last
        for symbol in (s for s, asset in self._assets.items() if not (asset.active and asset.tradable)):
            self._voice.tell("not tradable", f"the broker takes no order of {symbol} today", symbol)
        picture = self._world.look(clock, now, self._splits, last_bar=last)
        self._desk.close_late(clock.now)
        for finding in picture.findings:
            if finding.act in {Act.NOTE, Act.ASK, Act.LOCK, Act.HALT}:
                self._voice.tell(str(finding.kind), f"{finding.text} ({finding.act})", finding.symbol)
        self._limit(picture, schedule)
        # Before the bars, which may not come: who held nothing else holds what rests at the broker.
        bare = self._desk.guard(self._plan(picture, schedule, guarding=True)) if killed else []
        current = self._taking.take(clock.now, schedule)
        if killed:
            return "killed", killed_text(bare)
        entering = current and not picture.halted and self._foreseen(clock.now, schedule)
        self._desk.serve(self._plan(picture, schedule, entering=entering))
        return ("trading", "") if current else ("waiting", "bars that are due have not come")

    # --- what is known -------------------------------------------------------------------------

    def _hours(self, clock: BrokerClock) -> Schedule:
        """Return the broker's sessions, asked for once a day."""
        day = clock.now.astimezone(EASTERN).date()
        today = day.isoformat()
        if self._schedule is None or today != self._asked_on:
            last = self._taking.last
            first = (clock.now - _DAYS if last is None else min(clock.now, last) - LOOK_BACK - _DAYS).date()
            rows = self._account.calendar(first, (clock.now + _DAYS).date())
            self._schedule = Schedule.of(rows, LENGTHS[self.habits.timeframe])
            if today != self._assets_of:
                self._assets_of, self._unasked = today, list(self.runner.engine.symbols)
            while self._unasked:  # what our rate limit breaks off goes on from here
                self._assets[self._unasked[0]] = asset_of(self._account.asset(self._unasked[0]))
                del self._unasked[0]
            self._voice.beat()  # that line is none of the two that do so
            self._splits = dict(self._coming.begin(day))
            self._asked_on = today
        return self._schedule

    def _foreseen(self, now: datetime, schedule: Schedule) -> bool:
        """Ask for the splits of the session that entries are for; False: nobody knows, so none is sent."""
        if not any(order.leg is Leg.ENTRY for order in self.runner.book.open()):
            return True
        try:
            self._coming.look_ahead(schedule, now, self._taking.last)
        except Unreachable as problem:
            self._voice.tell("splits", f"{problem}; nothing is entered", "")
            return False
        self._voice.beat()
        return True

    def _thrown(self) -> None:
        """Latch the kill switch if its file or its signal throws it."""
        why = kill_asked(self._home) or self._kill()
        if why is not None:
            latch_kill(self.limits, why, datetime.now(UTC))

    def _limit(self, picture: Picture, schedule: Schedule) -> None:
        """Take note of the equity, and latch the losses that are hit."""
        self._losses.note(picture.account, schedule.day(picture.clock.now), picture.clock.now)
        found = Door(self.habits.rules).standing(self._context(picture, schedule))
        self.limits.take(self._losses.said(found), picture.now)

    # --- orders --------------------------------------------------------------------------------

    def _plan(
        self, picture: Picture, schedule: Schedule, *, entering: bool = False, guarding: bool = False
    ) -> Plan:
        # Who winds the account down cancels protection, and must not find it put back.
        restores = guarding and not self.limits.is_winding()
        return Plan(
            context=lambda: replace(self._context(picture, schedule), guarding=restores),
            schedule=schedule,
            now=picture.clock.now,
            is_open=picture.clock.is_open,
            locked=picture.locked,
            positions=picture.positions,
            splits=self._coming.after(schedule, self._taking.last),
            entering=entering,
            restores=restores,
        )

    def _context(self, picture: Picture, schedule: Schedule) -> Context:
        """Return the world as the risk door asks for it."""
        quotes, last = self._quotes.at(self.runner.bar), self._taking.last
        if last is not None:
            quotes = self._coming.quotes(quotes, self.tracks, schedule, picture.clock.now, last)
        return context_of(
            picture,
            self.habits,
            self.tracks,
            self.limits,
            marks=self._losses.marks,
            session=schedule.session(picture.clock.now, picture.clock, self._published),
            quotes=quotes,
            assets=self._assets,
            prefix=self.runner.broker.prefix,
        )
