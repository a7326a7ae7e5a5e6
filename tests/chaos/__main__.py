"""Trade through random faults: ``python -m tests.chaos --seeds 1000``; status 1 if anything broke."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

if __name__ == "__main__":
    # Before polars is there, and for the processes of --jobs: few rows are soonest done by one thread.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")

from research.errors import BadValue
from tests.chaos.run import Outcome
from tests.chaos.study import Kept, Size, outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run seeds and print the totals of each class of them, and those that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--bars", type=int, default=390)
    parser.add_argument("--faults", type=int, default=20, help="per seed, at least")
    parser.add_argument("--twice", action="store_true", help="each seed twice; the hashes must be equal")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--out", type=Path, help="append an outcome a line; seeds that it holds are not run again"
    )
    asked = parser.parse_args(arguments)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _all(asked)
    except BadValue as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    finally:
        logging.disable(before)


def _all(asked: argparse.Namespace) -> int:
    size = Size(asked.bars, asked.faults, asked.twice)
    kept = Kept(asked.out, size) if asked.out else None
    found = dict(kept.found) if kept else {}
    wanted = [seed for seed in range(asked.seed, asked.seed + asked.seeds) if seed not in found]
    interrupted = False
    try:
        for out in _in_order(wanted, outcomes(wanted, size, asked.jobs), kept.add if kept else None):
            found[out.seed] = out
            _told(out)
    except KeyboardInterrupt:
        interrupted = True
        found = dict(kept.found) if kept else found
    every = [found[seed] for seed in sorted(found)]
    for kind in sorted({out.kind for out in every}):
        _class(kind, [out for out in every if out.kind == kind])
    failing = [out.seed for out in every if out.breaches]
    print(f"failing seeds {failing or 'none'} of {len(every)}{'; interrupted' if interrupted else ''}")
    return 130 if interrupted else 1 if failing else 0


def _in_order(
    seeds: Iterable[int], came: Iterable[Outcome], keep: Callable[[Outcome], None] | None
) -> Iterable[Outcome]:
    """Yield outcomes in the seeds' order, each kept when it comes."""
    waiting: dict[int, Outcome] = {}
    order = list(reversed(list(seeds)))
    for out in came:
        if keep is not None:
            keep(out)
        waiting[out.seed] = out
        while order and order[-1] in waiting:
            yield waiting.pop(order.pop())


def _told(out: Outcome) -> None:
    wrong = dict(out.breaches) or "sound"
    spent = f"{out.orders} orders  {out.seconds:.1f} s, {out.processor:.1f} of processor"
    print(f"seed {out.seed}  {out.digest}  {spent}  {wrong}", flush=True)
    for line in out.examples[:6]:
        print(f"    {line}")


def _class(kind: str, found: list[Outcome]) -> None:
    def total(name: str) -> int:
        return sum(getattr(out, name) for out in found)

    def middle(name: str) -> float:
        values: list[float] = sorted(getattr(out, name) for out in found)
        return values[len(values) // 2]

    breaches = sum((out.breaches for out in found), Counter())
    mishaps = sum((out.mishaps for out in found), Counter())
    traded = f"{total('looks')} looks, {total('orders')} orders, {total('fills')} fills"
    spoiled = f"{mishaps.total()} faults, {total('restarts')} restarts"
    spent = f"{middle('seconds'):.1f} s a seed, {middle('processor'):.1f} of processor"
    print(f"{kind}: {len(found)} seeds, {traded}, {spoiled}, {spent}")
    names = (
        "duplicate", "lost", "limit", "exception", "unequal", "stalled", "unprotected", "journal hash",
    )  # fmt: skip
    print("  " + "  ".join(f"{name} {breaches[name]}" for name in names))
    for name, count in mishaps.most_common():
        print(f"  {count:>6}  {name}")


if __name__ == "__main__":
    sys.exit(main())
