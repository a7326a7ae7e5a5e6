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
One about the day (`live.today`) or about bars ends the entering alone: who takes orders may answer still.
What ends the process: credentials that are refused, and a journal or limits that cannot be written, since
without them no order may be sent. The orders at the broker protect meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from live.alpaca import OrderConflict
from live.coming import Coming
from live.desk import Desk, Plan
from live.findings import Act
from live.habits import Habits
from live.halts import WAITING, kept_by, locks_of, phase_of, unknown_splits
from live.killing import Heard, kill_asked, latch_kill
from live.limits import Limits
from live.looks import looks
from live.losses import Losses
from live.orders import Leg
from live.outlook import Quotes, context_of
from live.risk import Blocked, Door
from live.risk_context import Context
from live.schedule import LENGTHS, Schedule
from live.sending import Sender
from live.switch import Switch, killed_text
from live.taking import Taking
from live.telling import UNREACHABLE, Voice
from live.today import Today
from live.vitals import HALTED, STOPPED
from live.world import Picture, World
from research.errors import KeysRefused, Unreachable

if TYPE_CHECKING:
    from live.alpaca import AlpacaAccount, BrokerClock
    from live.arrivals import Arrivals
    from live.runner import Runner
    from live.tracks import Tracks

__all__ = ["Habits", "Trader"]

CONFLICT = "order conflict"


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
    kill : Heard, optional
        Whether a signal throws the kill switch.
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
        kill: Heard | None = None,
        splits: Callable[[date], Mapping[str, Decimal]] = lambda day: {},
    ) -> None:
        self.runner, self.tracks, self.limits, self.habits = runner, tracks, limits, habits
        self._account, self._home = account, home
        self._clock, self._published, self._kill = clock, published, Heard() if kill is None else kill
        self._voice = Voice(runner.journal, habits.mode, lambda: runner.bar)
        self._coming = Coming(splits)
        self._today = Today(
            account,
            runner.engine.symbols,
            LENGTHS[habits.timeframe],
            self._coming,
            self._voice.tell,
            self._voice.beat,
        )
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
        self._losses = Losses(limits, runner.journal, self._voice.tell)
        self._quotes = Quotes(runner.journal)
        self._taking = Taking(runner, arrivals, habits, self._voice.tell)
        self.seen: Picture | None = None  # what the last look saw; None: it was broken off
        self.ending, self.enters = False, True
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
        """Tick until `stop` says so, or once, and until nothing is half done (`live.ending`).

        `wait` sleeps for some seconds, or less. After a stop nothing is entered any more.

        Raises
        ------
        KeysRefused
        OutputError
        """
        looks(self, stop=stop, wait=wait, poll=poll, on_tick=on_tick, once=once)

    def goodbye(self) -> None:
        """Let the last heartbeat say that this process ends as it should, and what it ends amid."""
        self._voice.pulse(STOPPED, self._voice.said)

    def tick(self) -> None:
        """Do what this instant asks for."""
        phase, text = "trading", ""
        self.thrown()  # before the network is asked for anything: it may be dead
        try:
            phase, text = self._tick()
        except Unreachable as problem:
            phase, text = UNREACHABLE, str(problem)
            self._voice.tell(UNREACHABLE, str(problem), "")
        except OrderConflict as problem:
            phase, text = HALTED, str(problem)
            self.limits.latch(CONFLICT, str(problem), datetime.now(UTC))
            self._voice.tell(CONFLICT, str(problem), "")
        except KeysRefused as problem:
            self.limits.latch("credentials", str(problem), datetime.now(UTC))
            self._voice.pulse(HALTED, str(problem))
            raise
        self._voice.turn()
        self._voice.pulse(phase, text)

    def _tick(self) -> tuple[str, str]:
        self.seen = None
        killed = self._switch.heed()  # before any question that may not be answered
        clock = self._account.clock()
        now = self._clock(clock)
        last = self._taking.last
        schedule = self._today.learn(clock, last)
        for text in schedule.disagreements(clock.now, clock, self._published):
            self._voice.tell("calendar", f"{text}; nothing is entered", "")
        for symbol in self._today.untradable:
            self._voice.tell(
                "not tradable", f"the broker takes no order of {symbol}; asked again in a while", symbol
            )
        today = self._today
        picture = self._world.look(clock, now, today.splits, last_bar=last, sure=today.splits_known)
        self._desk.close_late(clock.now)
        for finding in picture.findings:
            if finding.act in {Act.NOTE, Act.ASK, Act.LOCK, Act.HALT}:
                self._voice.tell(str(finding.kind), f"{finding.text} ({finding.act})", finding.symbol)
        self._limit(picture, schedule)
        # Before the bars, which may not come: who held nothing else holds what rests at the broker.
        bare = self._desk.guard(self._plan(picture, schedule, guarding=True)) if killed else []
        phase, text = self._take(clock.now, schedule)
        if killed:
            self.seen = picture
            lacking = f"; {text}" if phase == UNREACHABLE else ""
            return "killed", f"{killed_text(bare)}{lacking}"
        current = phase == "trading"
        kept = kept_by(picture, phase, text) or (self._foreseen(clock.now, schedule) if current else None)
        self._desk.serve(replace(self._plan(picture, schedule), entering=current and self.enters, kept=kept))
        self.seen = picture
        return phase_of(picture, phase, text)

    # --- what is known -------------------------------------------------------------------------

    def _take(self, now: datetime, schedule: Schedule) -> tuple[str, str]:
        """Take the bars that are over; return the phase that leaves us in, and what is lacking.

        Who tells of bars and of splits is not who takes orders: without either nothing is entered, and what
        is held goes on being protected and left.
        """
        lacking = self._today.lacking
        try:
            current = self._taking.take(now, schedule)
        except Unreachable as problem:
            lacking = [*lacking, f"{problem}; nothing is entered"]
            self._voice.tell(UNREACHABLE, lacking[-1], about="bars")
        if lacking:
            return UNREACHABLE, "; ".join(lacking)
        return ("trading", "") if current else ("waiting", WAITING)

    def _foreseen(self, now: datetime, schedule: Schedule) -> Blocked | None:
        """Ask for the splits of the session that entries are for; what keeps these if nobody knows."""
        if not any(order.leg is Leg.ENTRY for order in self.runner.book.open()):
            return None
        try:
            self._coming.look_ahead(schedule, now, self._taking.last)
        except Unreachable as problem:
            self._voice.tell("splits", f"{problem}; nothing is entered", "")
            return unknown_splits(problem)
        self._voice.beat()
        return None

    def thrown(self) -> None:
        """Latch the kill switch if its file or its signal throws it."""
        why = kill_asked(self._home) or self._kill()
        if why is not None:
            latch_kill(self.limits, why, datetime.now(UTC))
            self._kill.said.clear()  # else it would be latched again after its reset

    def _limit(self, picture: Picture, schedule: Schedule) -> None:
        """Take note of the equity, and latch the losses that are hit."""
        self._losses.note(picture.account, schedule.day(picture.clock.now), picture.clock.now)
        found = Door(self.habits.rules).standing(self._context(picture, schedule))
        self.limits.take(self._losses.said(found), picture.now)

    # --- orders --------------------------------------------------------------------------------

    def _plan(self, picture: Picture, schedule: Schedule, *, guarding: bool = False) -> Plan:
        # Who winds the account down cancels protection, and must not find it put back.
        restores = guarding and not self.limits.is_winding()
        return Plan(
            context=lambda: replace(self._context(picture, schedule), guarding=restores),
            schedule=schedule,
            now=picture.clock.now,
            is_open=picture.clock.is_open,
            locked=locks_of(picture),
            positions=picture.positions,
            splits=self._coming.after(schedule, self._taking.last),
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
            assets=self._today.assets,
            prefix=self.runner.broker.prefix,
        )
