"""Trade through random faults: ``python -m tests.chaos --seeds 1000``; status 1 if anything broke."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter

from tests.chaos.run import Outcome, run


def main(arguments: list[str] | None = None) -> int:
    """Run seeds and print the totals of each class of them, and those that failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--bars", type=int, default=390)
    parser.add_argument("--faults", type=int, default=20, help="per seed, at least")
    parser.add_argument("--twice", action="store_true", help="each seed twice; the hashes must be equal")
    asked = parser.parse_args(arguments)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _all(asked)
    finally:
        logging.disable(before)


def _all(asked: argparse.Namespace) -> int:
    found: list[Outcome] = []
    for seed in range(asked.seed, asked.seed + asked.seeds):
        out = run(seed, asked.bars, asked.faults)
        if asked.twice and run(seed, asked.bars, asked.faults).digest != out.digest:
            out.breaches["journal hash"] += 1
            out.examples.append(f"journal hash: {out.digest} the first time, another the second")
        found.append(out)
        wrong = dict(out.breaches) or "sound"
        print(f"seed {seed}  {out.digest}  {out.orders} orders  {out.seconds:.1f} s  {wrong}", flush=True)
        for line in out.examples[:6]:
            print(f"    {line}")
    for kind in sorted({out.kind for out in found}):
        _class(kind, [out for out in found if out.kind == kind])
    failing = [out.seed for out in found if out.breaches]
    print(f"failing seeds {failing or 'none'} of {len(found)}")
    return 1 if failing else 0


def _class(kind: str, found: list[Outcome]) -> None:
    def total(name: str) -> int:
        return sum(getattr(out, name) for out in found)

    breaches = sum((out.breaches for out in found), Counter())
    mishaps = sum((out.mishaps for out in found), Counter())
    seconds = sorted(out.seconds for out in found)
    traded = f"{total('looks')} looks, {total('orders')} orders, {total('fills')} fills"
    spoiled = f"{mishaps.total()} faults, {total('restarts')} restarts"
    print(f"{kind}: {len(found)} seeds, {traded}, {spoiled}, {seconds[len(seconds) // 2]:.1f} s a seed")
    names = ("duplicate", "lost", "limit", "exception", "unequal", "journal hash")
    print("  " + "  ".join(f"{name} {breaches[name]}" for name in names))
    for name, count in mishaps.most_common():
        print(f"  {count:>6}  {name}")


if __name__ == "__main__":
    sys.exit(main())
