"""SIGKILL at named points: nothing doubled, nothing lost, the same end as a run that was never killed.

The fake lives here, the trader in a child (`tests.live.crash_child`) that is killed at a point and begun
again, look by look, until the market is over; it begins again at the instant of the fake's time at which it
was killed. Each market is lived through by a child that nobody kills, and by one that is killed in most bars,
at the points that were struck least so far; both must end alike. A kill is armed at a bar's first look and
comes at a passage drawn by chance, in any look of that bar; the start after it is killed at times, too. A bar
has no further kill: one at a later look delays what is to be sent beyond its minute, and the end is rightly
another. Markets follow until each point has been struck often enough. The exit status is 1 if anything broke.

    python -m tests.studies crash --times 50
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
ONCE = ("before the journal begins", "after the journal begins")  # passed only until it is begun
# In how many passages of a bar a kill may come, at most; else in the first.
PASSAGES = {
    "an order is written ahead": 4, "an order is sent": 3, "the strategy's order stands": 4,
    "equity is marked": 4, "the pulse": 4, "the look": 4,
}  # fmt: skip
# Passed by every start that goes on.
STARTING = tuple(f"{when} {name}" for when in ("before", "after") for name in ("the pulse", "the look"))
# After each close: to decide and send, to protect, to send again what never arrived, to protect that.
LOOKS = tuple(timedelta(seconds=n) for n in (3, 8, 26, 31))
# What a journal holds of the market and of what was decided and done, however often its run was stopped. The
# broker names the legs of a pair by how many orders came before, of any symbol: these are left out, and
# nothing else.
WRITTEN = {
    "bars": "*", "decisions": "*", "equity": "*", "holdings": "*",
    "orders": "id, bar, symbol, leg, side, quantity, reason, stop, target, trail, time_limit, level, "
    "status, note",
    "fills": "order_id, bar, symbol, side, quantity, price, fee, reason, ambiguous, decided",
    "executions": "CASE WHEN client_id LIKE 'PP-%' THEN client_id ELSE 'a leg' END, "
    "symbol, side, quantity, price, bar",
}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """Where a process is killed: at a point, the `nth` time that it is passed after it was armed."""

    point: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.nth} {self.point}"


@dataclass
class Found:
    """What one run ended as, line by line, what the judge said, and how often each point was struck."""

    end: frozenset[str]
    executions: int
    breaches: Counter[str]
    examples: list[str]
    kills: Counter[str] = field(default_factory=Counter)


class Child:
    """The trader's process, or the nursery that forks it."""

    def __init__(self, *arguments: object) -> None:
        words = [sys.executable, "-m", "tests.live.crash_child", *map(str, arguments)]
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *failure: object) -> None:
        self.end()

    def end(self) -> None:
        """End it, and its fork."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
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


def one(child: Child, kills: Mapping[int, Sequence[Kill]], bars: int = BARS, seed: int = SEED) -> Found:
    """Run a market through.

    Parameters
    ----------
    child : Child
        It is ended if anything escapes from here: nobody could say at which word it is.
    kills : mapping of int to sequence of Kill
        Per bar, from 1, the one that is armed at its first look, and those of the starts that follow it;
        0 is the first start.
    bars, seed : int
        Of the market.
    """
    try:
        return _lived(child, kills, bars, seed)
    except BaseException:
        child.end()
        raise


def _lived(child: Child, kills: Mapping[int, Sequence[Kill]], bars: int, seed: int) -> Found:
    world = market(random.Random(seed), bars, daily=False, splits=False)
    struck: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory() as name,
        FakeAlpaca(world.bars, start=world.start, calendar=world.calendar, seed=5) as fake,
    ):
        judge, begin = Judge(fake, RULES), f"{fake.listener.port} {name}"
        coming = list(kills.get(0, ()))

        def told(words: str, *, armed: bool) -> None:
            """Say it to the child; one that is killed is begun again, and looks at the same instant."""
            child.tell(f"{words} {coming.pop(0)}" if armed and coming else words)
            while (word := child.hear()).startswith("at "):
                ended = child.hear()
                assert ended == "killed", ended
                struck[word.removeprefix("at ")] += 1
                child.tell(f"{begin} {coming.pop(0)}" if coming else begin)
            assert word.startswith(("trading", "looked")), word

        told(begin, armed=True)
        # The last bar before the start is decided at as well: by the first process, or by the next.
        for bar, close in enumerate((world.start, *world.closes)):
            coming = list(kills.get(bar, ())) if bar else []
            for n, wait in enumerate(LOOKS):
                fake.advance_to(max(close + wait, fake.now))
                told("look", armed=n == 0)
        child.tell("enough")
        held = json.loads(child.hear().removeprefix("held "))
        ended = child.hear()
        assert ended == "ended 0", ended
        journal = Journal.at(Path(name) / "run.sqlite")
        tracks = Tracks.of(journal)
        judge.after_look(tracks, set())
        judge.at_rest(tracks, held)
        end = frozenset((*_written(journal), *_there(fake)))
        journal.close()
        executions = len(fake.exchange.account.executions)
    return Found(end, executions, judge.breaches, judge.examples, struck)


def _written(journal: Journal) -> Iterable[str]:
    """Return the journal's lines that no kill may change."""
    for table, columns in WRITTEN.items():
        for row in journal.rows(f"SELECT {columns} FROM {table}"):
            yield f"{table} {row}"


def _there(fake: FakeAlpaca) -> Iterable[str]:
    """Return what the broker has at the end: executions, positions, open orders, cash."""
    done = Counter((d.order.symbol, d.order.side, d.qty, d.price) for d in fake.exchange.account.executions)
    yield from (f"{count} x executed {what}" for what, count in done.items())
    yield from (f"held {position}" for position in fake.positions().items())
    for order in fake.orders():
        if order.open:
            prices = (order.limit_price, order.stop_price)
            yield f"rests {(order.symbol, order.side, order.type, order.qty, *prices)}"
    yield f"cash {fake.exchange.account.cash:.6f}"


def drawn(
    draw: random.Random, struck: Mapping[str, int], times: int, bars: int = BARS
) -> dict[int, list[Kill]]:
    """Return the kills of each bar, and of the start, at points struck less than `times`, the least first.

    None is left when every point was struck as often.
    """

    def least(points: Iterable[str]) -> list[str]:
        waiting = [point for point in points if struck.get(point, 0) < times]
        return sorted(waiting, key=lambda point: (struck.get(point, 0), draw.random()))

    kills = {}
    others = least(point for point in POINTS if point not in ONCE)
    for bar, point in zip(range(1, bars + 1), cycle(others), strict=False):
        name = point.partition(" ")[2]
        kills[bar] = [Kill(point, draw.randint(1, PASSAGES.get(name, 1)))]
        if draw.random() < 0.25:
            kills[bar].append(Kill(draw.choice(STARTING)))
    if first := least(ONCE):
        kills[0] = [Kill(first[0])]
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
    with Child() as child:
        kills, broken = struck_everywhere(child, asked.times, asked.seed)
        child.tell("end")
    for point in POINTS:
        print(f"{point:<36}{kills[point]:>4} kills")
    names = sorted({"duplicate", "lost", "limit", "unequal", "another end", "no trade", *broken})
    print(f"{kills.total()} kills  " + "  ".join(f"{name} {broken[name]}" for name in names))
    if asked.starts:
        clock, busy = (sorted(each) for each in zip(*starts(asked.starts), strict=True))
        for name, spans in (("by the clock", clock), ("of processor time", busy)):
            median = statistics.median(spans)
            print(f"trading again after {median:.2f} s {name} (median), {spans[-1]:.2f} s at most")
    if broken.total() or min(kills[point] for point in POINTS) < asked.times:
        raise SystemExit(1)


def struck_everywhere(
    child: Child, times: int, first: int, bars: int = BARS
) -> tuple[Counter[str], Counter[str]]:
    """Return kills by point, and what broke; markets end when there is nothing to strike, or too many."""
    kills: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    for seed in range(first, first + 10 + 5 * times):
        plan = drawn(random.Random(f"{seed} kills"), kills, times, bars)
        if not plan:
            break
        never = one(child, {}, bars, seed)
        found = one(child, plan, bars, seed)
        kills += found.kills
        wrong = never.breaches + found.breaches
        wrong += Counter({"another end": found.end != never.end, "no trade": not never.executions})
        if wrong:
            print(f"    market {seed}, killed at {plan}")
            for line in (*never.examples, *found.examples, *sorted(found.end ^ never.end)):
                print(f"    {'' if line not in never.end else 'only unkilled: '}{line}")
        broken += wrong
        print(
            f"market {seed}: {never.executions} executions, {kills.total()} kills, {dict(broken) or 'sound'}",
            flush=True,
        )
    return kills, broken


if __name__ == "__main__":
    main()
