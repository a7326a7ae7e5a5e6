"""Journals with something wrong planted in them: does ``python -m live.parity`` name it, and nothing else?

Replays of all four strategies over random spans of the sample, stopped and continued at random bars. Into
each one difference of one kind is planted, of random size and at a random time; others are left untouched,
and into some two kinds are planted. Then the journal is held against the backtest.

A label is right if every value that differs is put down to the kind that was planted and, where the plant has
an instant, nothing differs before it; a plant that changes no decision must be named all the same.

``python -m tests.studies parity_labels --each 24 --seed 1``
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from live.causes import Kind
from live.explained import Explained, explain
from live.journal import Journal
from live.journalled import journalled
from tests.studies._planted import MODELS, PLANTS, RULES, Bent, Case, drawn, written


def held_against(case: Case, path: Path) -> Explained:
    """Ask parity."""
    journal = Journal.at(path)
    try:
        said = journalled(journal)
    finally:
        journal.close()
    asked = None if case.asked is None else case.asked(said.asked)
    return explain(said, case.given, asked)


@dataclass
class Told:
    """What parity told of some journals of one kind."""

    journals: int = 0
    right: int = 0
    changed: int = 0
    values: int = 0
    values_right: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Journals told rightly."""
        return self.right / max(self.journals, 1)


def judge(case: Case, explained: Explained, told: Told, name: str) -> None:
    """Count one journal."""
    names = {str(kind) for kind in case.kinds}
    kinds = {found.cause.kind for found in explained.found}
    labels = explained.table["cause"]
    early = bool(case.since) and len(case.kinds) == 1 and explained.table.height > 0
    early = early and explained.table["bar_close"].to_numpy().min() < min(case.since)
    right = kinds == case.kinds and not early
    told.journals += 1
    told.right += right
    told.changed += explained.different > 0
    told.values += labels.len()
    told.values_right += int(labels.is_in(list(names)).sum())
    if not right:
        seen = dict(Counter(labels.to_list()))
        told.wrong.append(
            f"{name}: planted {sorted(names)} {case.since}, told {sorted(map(str, kinds))} {seen}"
        )


def one(
    strategy: str, kinds: tuple[Kind, ...], seed: list[int], folder: Path
) -> tuple[Case, Explained] | None:
    """Make one journal and ask; None if there was nothing to plant in."""
    draw = np.random.default_rng(seed)
    case = drawn(strategy, draw)
    for kind in kinds:
        PLANTS[kind](case, draw)
    path = folder / f"{'-'.join(map(str, seed))}.sqlite"
    written(case, path, draw)
    if isinstance(case.broker, Bent):
        if not case.broker.bent:
            return None
        case.since += case.broker.bent
    explained = held_against(case, path)
    path.unlink()
    return case, explained


def study(
    each: int, seed: int, *, untouched: int, pairs: int, say: Callable[[str], None] = print
) -> dict[str, Told]:
    """Plant each kind `each` times in journals of all strategies that it can be in."""
    out: dict[str, Told] = {}
    plan: list[tuple[str, list[tuple[Kind, ...]], int]] = [("untouched", [()], untouched)]
    plan += [(str(kind), [(kind,)], each) for kind in PLANTS]
    every: list[tuple[Kind, ...]] = [(a, b) for i, a in enumerate(PLANTS) for b in list(PLANTS)[i + 1 :]]
    plan += [("two at once", every, pairs)]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, choices, count) in enumerate(plan):
            told, began, tries = Told(), time.perf_counter(), 0
            while told.journals < count:
                tries += 1
                kinds = choices[tries % len(choices)]
                strategies = MODELS if Kind.MODEL in kinds else (*RULES, *MODELS)
                strategy = strategies[(tries + number) % len(strategies)]
                asked = one(strategy, kinds, [seed, number, tries], Path(folder))
                if asked is not None:
                    judge(*asked, told, f"{strategy} {seed},{number},{tries}")
            out[name] = told
            if count:
                took = time.perf_counter() - began
                say(
                    f"{name:18} {told.journals:4} journals, told rightly {told.right:4} ({told.share:6.1%}), "
                    f"{told.changed:4} with other decisions, {told.values_right:,} of {told.values:,} values "
                    f"({took:.0f} s)"
                )
                for line in told.wrong:
                    say(f"    {line}")
    return out


def main(arguments: list[str]) -> None:
    """Print the share labelled rightly per kind, and the false labels on untouched journals."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies parity_labels", description=__doc__)
    parser.add_argument("--each", type=int, default=24, help="journals per kind (default 24)")
    parser.add_argument("--untouched", type=int, default=60, help="journals left as they are (default 60)")
    parser.add_argument("--pairs", type=int, default=30, help="journals with two kinds planted (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="of all draws (default 1)")
    asked = parser.parse_args(arguments)
    study(
        asked.each, asked.seed, untouched=asked.untouched, pairs=asked.pairs,
        say=lambda line: print(line, flush=True),
    )  # fmt: skip
