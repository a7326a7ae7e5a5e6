"""SIGKILL at named points: nothing doubled, nothing lost, the same end as a run that was never killed.

The fake lives here, the trader in a child (`tests.live.crash_child`) that is killed at a point and begun
again, look by look, until the market is over; it begins again at the instant of the fake's time at which it
was killed. The end is compared with that of a child that nobody killed.

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
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from live.journal import Journal
from live.tracks import Tracks
from tests.chaos.judge import Judge
from tests.chaos.market import market
from tests.chaos.process import RULES
from tests.fake_alpaca import FakeAlpaca
from tests.live.crash_child import POINTS

BARS = 4
# After each close: to decide and send, to protect, to send again what never arrived, to protect that.
LOOKS = tuple(timedelta(seconds=n) for n in (3, 8, 26, 31))


@dataclass
class Found:
    """What one run ended as: executions, positions and cash, and what the judge said."""

    end: tuple[tuple[object, ...], ...]
    breaches: dict[str, int]
    examples: list[str]
    kills: int = 0


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


def one(child: Child, point: str, nth: int, bars: int = BARS) -> Found:
    """Run a market through, killed at the `nth` time a point is passed; "" never."""
    world = market(random.Random(5), bars, daily=False, splits=False)
    with (
        tempfile.TemporaryDirectory() as name,
        FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=5) as fake,
    ):
        judge, kills = Judge(fake, RULES), 0
        begin = f"{fake.listener.port} {name} {nth}"
        child.tell(f"{begin} {point}" if point else begin)
        word = child.hear()
        for at in (None, *(close + wait for close in world.closes for wait in LOOKS)):
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
    return Found(end, dict(judge.breaches), judge.examples, kills)


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
    parser.add_argument(
        "--times", type=int, default=50, help="kills at each point: the first time, the second…"
    )
    parser.add_argument("--starts", type=int, default=10, help="starts that are timed")
    asked = parser.parse_args(arguments)
    with Child() as child:
        never = one(child, "", 0)
        print(f"never killed: {len(never.end[0])} executions, {never.breaches or 'sound'}", flush=True)
        total: Counter[str] = Counter()
        for point in POINTS:
            found = [one(child, point, nth) for nth in range(1, asked.times + 1)]
            broken: Counter[str] = sum((Counter(run.breaches) for run in found), Counter())
            broken["another end"] += sum(run.end != never.end for run in found)
            kills = sum(run.kills for run in found)
            print(f"{point:<36}{kills:>4} kills  {dict(+broken) or 'sound'}", flush=True)
            for line in [line for run in found for line in run.examples][:3]:
                print(f"    {line}")
            total += broken + Counter(kills=kills)
        child.tell("end")
    names = ("duplicate", "lost", "unequal", "another end")
    print(f"{total['kills']} kills  " + "  ".join(f"{name} {total[name]}" for name in names))
    if asked.starts:
        clock, busy = (sorted(each) for each in zip(*starts(asked.starts), strict=True))
        for name, spans in (("by the clock", clock), ("of processor time", busy)):
            median = statistics.median(spans)
            print(f"trading again after {median:.2f} s {name} (median), {spans[-1]:.2f} s at most")


if __name__ == "__main__":
    main()
