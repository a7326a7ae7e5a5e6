"""One seed: a market, a trader at the fake over real sockets, mishaps, and what the judge says."""

from __future__ import annotations

import gc
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from live.findings import Act
from research.errors import KeysRefused
from tests.chaos.guards import is_at_work
from tests.chaos.judge import Judge, journal_hash
from tests.chaos.market import market
from tests.chaos.mishaps import Mishaps
from tests.chaos.process import RULES, Process
from tests.fake_alpaca import FakeAlpaca
from tests.live.trading import access

AFTER = 4  # bars in which nothing goes wrong any more
SECOND = timedelta(seconds=1)
CALM = 2  # looks without a fault before protection is judged
DAILY = 10  # every so manieth seed is of daily bars
# What keeps orders from filling where they should, for this many looks at most.
UNFILLED = ("a fill:", "a symbol is halted", "an unscheduled close", "an order ends or stalls: suspend")
LASTS = 24


@dataclass
class Outcome:
    """What one seed brought."""

    seed: int
    kind: str
    mishaps: Counter[str] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    orders: int = 0
    fills: int = 0
    looks: int = 0
    restarts: int = 0
    digest: str = ""
    seconds: float = 0.0  # by the clock; faults of silence are waited through
    processor: float = 0.0  # seconds of processor time


class Run:
    """One seed, look by look."""

    def __init__(self, seed: int, bars: int, faults: int, folder: Path) -> None:
        self.draw = random.Random(seed)
        daily = seed % DAILY == 0
        self.world = market(self.draw, bars + AFTER, daily=daily, splits=daily)
        kind = "daily bars, splits" if daily else "minute bars"
        self.bars, self.out = bars, Outcome(seed, kind)
        self.at = sorted(self.draw.choices(range(bars), k=faults))
        self.folder, self.daily = folder, daily
        self.calm = 0  # looks since anything was wrong
        self.unfilled_at = -LASTS  # the look before which such a mishap struck last

    def run(self) -> Outcome:
        """Trade, spoil, judge."""
        began, used = time.monotonic(), time.process_time()
        world = self.world
        with FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=self.out.seed) as fake:
            self.fake, self.judge = fake, Judge(fake, RULES)
            step = timedelta(days=1) if self.daily else timedelta(minutes=1)
            self.mishaps = Mishaps(fake, self.draw, step)
            drift = self.draw.choice((Act.ADOPT, Act.FLATTEN))
            self.process = Process(access(fake), world.timeframe, self.folder, lambda: fake.now, drift=drift)
            try:
                self._live()
            except Exception:  # noqa: BLE001 - whatever escapes the trader is what the judge wants to know
                self.judge.breach("exception", traceback.format_exc(limit=-4))
            self.out.orders, self.out.fills = len(fake.orders()), len(fake.exchange.account.executions)
            self.out.digest = journal_hash(self.process.journal)
            self.process.close()
        self.out.breaches, self.out.examples = self.judge.breaches, self.judge.examples
        self.out.seconds, self.out.processor = time.monotonic() - began, time.process_time() - used
        return self.out

    def _live(self) -> None:
        self._look()
        for i, close in enumerate(self.world.closes[: self.bars]):
            instants = self._drawn(self._instants(close))
            strikes = sorted(self.draw.choices(range(len(instants)), k=self.at.count(i)))
            for n, at in enumerate(instants):
                for _ in range(strikes.count(n)):
                    self._strike(close)
                self.fake.advance_to(max(at, self.fake.now))
                self._look()
        self.mishaps.heal(all_of_it=True)
        for close in self.world.closes[self.bars :]:
            for at in self._instants(close):
                self.fake.advance_to(max(at, self.fake.now))
                self._look()
        for _ in range(3):
            self.fake.advance(seconds=25)
            self._look()
        self._look()  # the tape is over, an entry that waited is cancelled: that it has gone is seen now
        self.judge.at_rest(self.process.tracks, self.process.held())

    def _instants(self, close: datetime) -> list[datetime]:
        """Return when the trader may look around a bar: each is after something that may have filled."""
        settled = close + self.process.habits.settle + SECOND
        if not self.daily:
            # While a late bar is waited for, or after that.
            wait = self.process.habits.wait + 2 * SECOND
            return [close, settled + self.draw.choice((0 * SECOND, 4 * SECOND, wait))]
        session = self.world.calendar.on(close.date())
        assert session is not None  # a bar's
        evening = session.open.replace(hour=1, minute=0)
        opened = session.open + timedelta(seconds=20)
        return [
            evening,
            evening + timedelta(seconds=5),
            opened,
            opened + timedelta(seconds=25),
            close,
            settled,
        ]

    def _drawn(self, instants: list[datetime]) -> list[datetime]:
        """Return at which of them it looks, always at the last, when the bar has come.

        A minute bar has one look, or two; a daily bar three: one around its open, and any other.
        """
        *others, last = instants
        if not self.daily:
            return instants if self.draw.random() < 0.25 else [last]
        early = self.draw.choice(others[:4])
        return sorted({early, self.draw.choice([at for at in others if at != early]), last})

    def _strike(self, close: datetime) -> None:
        self.calm = 0
        if self.draw.random() < 0.12:
            self.out.mishaps["the process is killed"] += 1
            self._restart()
        else:
            name = self.mishaps.strike(close)
            self.out.mishaps[name] += 1
            if name.startswith(UNFILLED):
                self.unfilled_at = self.out.looks

    def _restart(self) -> None:
        before = dict(self.process.tracks.orders)
        self.process.again()
        self.out.restarts += 1
        if self.process.tracks.orders != before:
            self.judge.breach("lost", "the journal had other orders than the process that ended")

    def _look(self) -> None:
        self.out.looks += 1
        try:
            self.process.trader.tick()
        except KeysRefused:
            self.process.limits.reset("credentials", by="chaos", why="the keys are good", at=self.fake.now)
            self._restart()
        whole = self._goes_on()
        self.mishaps.heal()
        fills = self.out.looks - self.unfilled_at > LASTS
        process = self.process
        self.judge.after_look(process.tracks, self.mishaps.by_hand, process.engine, fills=fills, whole=whole)
        self.calm = self.calm + 1 if self.mishaps.quiet else 0
        if self.calm > CALM:
            self.judge.after_quiet_look(self.process.stops())
        else:
            self.judge.after_noise()

    def _goes_on(self) -> bool:
        """Return whether all was answered; if a bar is not taken whose time is over, that is a breach."""
        last, habits = self.process.last, self.process.habits
        if last is None or not is_at_work(self.process.journal):
            return False  # nothing was answered, or nothing shall be done
        # By the broker's clock, which a fault may set back: the trader reckons with it.
        now = self.fake.now + timedelta(seconds=min(self.fake.skew, 0.0))
        over = [close for close in self.world.closes if close + habits.settle + habits.wait <= now]
        if over and last < over[-1]:
            text = f"at {self.fake.now:%Y-%m-%d %H:%M:%S} the last bar taken is {last:%Y-%m-%d %H:%M}"
            self.judge.breach("stalled", text)
        return True


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cycles until a seed has ended.

    What lives for the whole of it (bars, every order, the log of every request) grows with each look, and
    the collector would walk it again and again: a fifth of a seed's time. Here alone: a trader that runs for
    months must be rid of its cycles, and has its seconds between looks for that.
    """
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.unfreeze()


def run(seed: int, bars: int, faults: int) -> Outcome:
    """Run one seed in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder, _uncollected():
        return Run(seed, bars, faults, Path(folder)).run()
