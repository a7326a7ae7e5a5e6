"""SIGKILL at named points: nothing doubled, nothing lost, the same end as a run that was never killed.

The fake lives here, the trader in a child (`tests.live.crash_child`) that is killed at a point and begun
again, look by look, until the market is over; it begins again at the instant of the fake's time at which it
was killed. The end is compared with that of a child that nobody killed. Each market is lived through once
without a kill, which counts how often each point is passed, and once for each point, killed at one of these
times drawn by chance; markets follow until each point has been struck often enough.

    python -m tests.studies crash --times 50
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from live.journal import Journal
from live.tracks import Tracks
from tests.chaos.judge import Judge
from tests.chaos.market import market
from tests.chaos.process import RULES
from tests.fake_alpaca import FakeAlpaca
from tests.live.crash_child import COUNT, POINTS

BARS = 4
SEED = 5  # of the first market
# After each close: to decide and send, to protect, to send again what never arrived, to protect that.
LOOKS = tuple(timedelta(seconds=n) for n in (3, 8, 26, 31))


@dataclass
class Found:
    """What one run ended as: executions, positions and cash, and what the judge said."""

    end: tuple[tuple[object, ...], ...]
    breaches: dict[str, int]
    examples: list[str]
    kills: int = 0
    passed: dict[str, int] = field(default_factory=dict)


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


def one(child: Child, point: str, nth: int, bars: int = BARS, seed: int = SEED) -> Found:
    """Run a market through, killed at the `nth` time a point is passed; "" never."""
    world = market(random.Random(seed), bars, daily=False, splits=False)
    with (
        tempfile.TemporaryDirectory() as name,
        FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=5) as fake,
    ):
        judge, kills = Judge(fake, RULES), 0
        begin = f"{fake.listener.port} {name} {nth}"
        child.tell(f"{begin} {point}" if point else begin)
        word = child.hear()
        # The last bar before the start is decided at as well: by the first process, or by the next.
        for at in (None, *(close + wait for close in (world.start, *world.closes) for wait in LOOKS)):
            if at is not None:
                fake.advance_to(max(at, fake.now))
                child.tell("look")
                word = child.hear()
            while word == "killed":  # begun again, it looks at the same instant
                kills += 1
                child.tell(begin)
                word = child.hear()
            assert word.startswith(("trading", "looked")), word
        child.tell("enough")
        passed = json.loads(child.hear().removeprefix("passed ")) if point == COUNT else {}
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
    return Found(end, dict(judge.breaches), judge.examples, kills, passed)


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
            waiting = [point for point in POINTS if kills[point] < asked.times]
            if not waiting:
                break
            never = one(child, COUNT, 0, seed=seed)
            broken += Counter(never.breaches)
            for point in (point for point in waiting if never.passed[point]):
                nth = random.Random(f"{seed} {point}").randint(1, never.passed[point])
                found = one(child, point, nth, seed=seed)
                kills[point] += found.kills
                broken += Counter(found.breaches) + Counter({"another end": int(found.end != never.end)})
                for line in found.examples[:3]:
                    print(f"    market {seed}, {point}, {nth}: {line}")
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
