"""SIGKILL at named points: nothing doubled, nothing lost, the same end as a run that was never killed.

The fake lives here, the trader in a child (`tests.live.crash_child`) that is killed at a point and begun
again, look by look, until the market is over; it begins again at the instant of the fake's time at which it
was killed. Each market is lived through twice: by a child that nobody kills, and by one that is killed once
in most bars, at points and passages drawn by chance. A bar has one kill at most: what a second one delays
is not sent in this minute any more, rightly, and the end is another. Both must end alike. Markets follow
until each point has been struck often enough.

    python -m tests.studies crash --times 50
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from pathlib import Path

from live.journal import Journal
from live.tracks import Tracks
from tests.chaos.judge import Judge
from tests.chaos.market import market
from tests.chaos.process import RULES
from tests.fake_alpaca import FakeAlpaca
from tests.live.crash_child import POINTS

BARS = 12
SEED = 5  # of the first market
ONCE = ("before the journal begins", "after the journal begins")  # passed by the first start alone
# After each close: to decide and send, to protect, to send again what never arrived, to protect that.
LOOKS = tuple(timedelta(seconds=n) for n in (3, 8, 26, 31))


@dataclass(frozen=True)
class Kill:
    """Where a process is killed: at a point, the `nth` time that it is passed after it was armed."""

    point: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.nth} {self.point}"


@dataclass
class Found:
    """What one run ended as: executions, positions and cash, and what the judge said."""

    end: tuple[tuple[object, ...], ...]
    breaches: dict[str, int]
    examples: list[str]
    kills: Counter[str] = field(default_factory=Counter)


class Child:
    """The trader's process, or the nursery that forks it."""

    def __init__(self, *arguments: object) -> None:
        words = [sys.executable, "-m", "tests.live.crash_child", *map(str, arguments)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *failure: object) -> None:
        self.process.kill()
        self.process.communicate()

    def hear(self) -> str:
        """Return its next word."""
        assert self.process.stdout is not None
        word = self.process.stdout.readline().strip()
        assert word, "the child has ended by itself; its standard error says why"
        return word

    def tell(self, word: str) -> None:
        """Say a word to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


def one(child: Child, kills: Mapping[int, Kill], bars: int = BARS, seed: int = SEED) -> Found:
    """Run a market through.

    Parameters
    ----------
    child : Child
    kills : mapping of int to Kill
        Armed at these bars, before the first look, and in place of one that has not come; 0 is the start.
    bars, seed : int
        Of the market.
    """
    world = market(random.Random(seed), bars, daily=False, splits=False)
    struck: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory() as name,
        FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=5) as fake,
    ):
        judge, begin = Judge(fake, RULES), f"{fake.listener.port} {name}"
        armed: Kill | None = None

        def told(words: str, kill: Kill | None = None) -> None:
            """Say it to a child; one that is killed is begun again, and looks at the same instant."""
            nonlocal armed
            armed = kill or armed
            child.tell(f"{words} {kill}" if kill else words)
            while (word := child.hear()) == "killed":
                assert armed is not None, "killed, and not by us"
                struck[armed.point] += 1
                armed = None
                child.tell(begin)
            assert word.startswith(("trading", "looked")), word

        told(begin, kills.get(0))
        # The last bar before the start is decided at as well: by the first process, or by the next.
        for bar, close in enumerate((world.start, *world.closes)):
            for n, wait in enumerate(LOOKS):
                fake.advance_to(max(close + wait, fake.now))
                told("look", kills.get(bar) if bar and not n else None)
        child.tell("enough")
        assert child.hear() == "ended 0"
        journal = Journal.at(Path(name) / "run.sqlite")
        tracks = Tracks.of(journal)
        judge.after_look(tracks, set())
        judge.at_rest(tracks, {symbol: held for symbol, held in fake.positions().items() if held})
        journal.close()
        done = sorted(
            (d.order.symbol, d.order.side, d.qty, d.price) for d in fake.exchange.account.executions
        )
        positions = tuple(sorted(fake.positions().items()))
        end = (tuple(done), positions, (round(fake.exchange.account.cash, 6),))
    return Found(end, dict(judge.breaches), judge.examples, struck)


def drawn(draw: random.Random, struck: Mapping[str, int], times: int, bars: int = BARS) -> dict[int, Kill]:
    """Return a kill for each bar, at points that were struck least."""

    def least(points: Iterable[str]) -> list[str]:
        waiting = [point for point in points if struck.get(point, 0) < times]
        return sorted(waiting, key=lambda point: (struck.get(point, 0), draw.random()))

    others = least(point for point in POINTS if point not in ONCE)
    kills = {
        bar: Kill(point, draw.choice((1, 1, 1, 2)))
        for bar, point in zip(range(1, bars + 1), cycle(others), strict=False)
    }
    if first := least(ONCE):
        kills[0] = Kill(first[0])
    return kills


def starts(times: int) -> list[tuple[float, float]]:
    """Return seconds by the clock and of processor time until a process that goes on trades again."""
    world = market(random.Random(5), BARS, daily=False, splits=False)
    found = []
    with (
        tempfile.TemporaryDirectory() as name,
        FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=5) as fake,
    ):
        for _ in range(times + 1):  # the first one begins the journal
            with Child(fake.listener.port, name) as child:
                _, clock, busy = child.hear().split()
            found.append((float(clock), float(busy)))
    return found[1:]


def main(arguments: list[str] | None = None) -> None:
    """Kill at each point, and print what became of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies crash")
    parser.add_argument("--times", type=int, default=50, help="kills at each point")
    parser.add_argument("--seed", type=int, default=SEED, help="of the first market")
    parser.add_argument("--starts", type=int, default=10, help="starts that are timed")
    asked = parser.parse_args(arguments)
    kills: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    with Child() as child:
        for seed in range(asked.seed, asked.seed + 4 * asked.times):
            plan = drawn(random.Random(f"{seed} kills"), kills, asked.times)
            if not plan:
                break
            never, found = (one(child, each, seed=seed) for each in ({}, plan))
            kills += found.kills
            other = Counter({"another end": int(found.end != never.end)})
            broken += Counter(never.breaches) + Counter(found.breaches) + other
            if found.breaches or other.total():
                print(f"    market {seed}: {', '.join(f'bar {bar} {kill}' for bar, kill in plan.items())}")
                print(*(f"    {line}" for line in found.examples[:3]), sep="\n")
            so_far = f"{kills.total()} kills so far, {dict(+broken) or 'sound'}"
            print(f"market {seed}: {len(never.end[0])} executions, {so_far}", flush=True)
        child.tell("end")
    for point in POINTS:
        print(f"{point:<36}{kills[point]:>4} kills")
    names = ("duplicate", "lost", "unequal", "another end")
    print(f"{kills.total()} kills  " + "  ".join(f"{name} {broken[name]}" for name in names))
    if asked.starts:
        clock, busy = (sorted(each) for each in zip(*starts(asked.starts), strict=True))
        for name, spans in (("by the clock", clock), ("of processor time", busy)):
            median = statistics.median(spans)
            print(f"trading again after {median:.2f} s {name} (median), {spans[-1]:.2f} s at most")


if __name__ == "__main__":
    main()
