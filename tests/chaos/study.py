"""Many seeds: in several processes, into a file that an interrupted study goes on from.

In: which seeds, how large. Out: their outcomes as they come. A seed's outcome does not depend on who runs it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from research.errors import BadValue
from tests.chaos.run import Outcome, run

ROOT = Path(__file__).parents[2]
# What is tried, and what tries and judges it.
CODE = ("live", "research", "tests/chaos", "tests/fake_alpaca", "tests/live/trading.py")


@cache
def code() -> str:
    """Return a hash of the code that seeds are run with: those of one hash count together."""
    told = hashlib.sha256()
    folders = [ROOT / name for name in CODE]
    for path in sorted(p for one in folders for p in ([one] if one.is_file() else one.rglob("*.py"))):
        told.update(f"{path.relative_to(ROOT).as_posix()}\0{path.read_text('utf-8')}\0".encode())
    return told.hexdigest()[:12]


@dataclass(frozen=True)
class Size:
    """How large each seed is, and whether it is run twice for its hash."""

    bars: int
    faults: int
    twice: bool = False


def one(seed: int, size: Size) -> Outcome:
    """Run a seed; another hash the second time is a breach."""
    found = run(seed, size.bars, size.faults)
    if size.twice and (digest := run(seed, size.bars, size.faults).digest) != found.digest:
        found.breaches["journal hash"] += 1
        found.examples.append(f"journal hash: {found.digest} the first time, {digest} the second")
    return found


def outcomes(seeds: Iterable[int], size: Size, jobs: int) -> Iterator[Outcome]:
    """Yield the outcomes of seeds as they come, in the seeds' order if `jobs` is 1."""
    if jobs == 1:
        yield from (one(seed, size) for seed in seeds)
        return
    # Not forked: a process with threads and sockets cannot be copied.
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_begin) as pool:
        try:
            for future in as_completed([pool.submit(one, seed, size) for seed in seeds]):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """Be silent, and end at Ctrl-C without a word: the process above tells."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)


class Kept:
    """Outcomes in a file, one JSON line each.

    Parameters
    ----------
    path : Path
        What it holds already is read; a last line that was cut off is not.
    size : Size

    Raises
    ------
    BadValue
        It is no such file, or holds seeds of another size or of other code.
    """

    def __init__(self, path: Path, size: Size) -> None:
        self.path, self.size, self._code = path, size, code()
        self.found: dict[int, Outcome] = {}
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            self._read(line, f"{path}, line {number}")
        if whole != text:
            path.write_text(whole)

    def _read(self, line: str, where: str) -> None:
        try:
            row = json.loads(line)
            told, made_with = Size(**row.pop("size")), str(row.pop("code"))
            known = Outcome(**{field.name: row[field.name] for field in fields(Outcome)})
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BadValue(f"{where}: must be an outcome of chaos, is none; name another --out") from None
        if (told.bars, told.faults) != (self.size.bars, self.size.faults):
            raise BadValue(
                f"{where}: seeds must have {self.size.bars} bars and {self.size.faults} faults, were "
                f"{told.bars} and {told.faults}; name another --out"
            )
        if made_with != self._code:
            raise BadValue(
                f"{where}: seeds must be of the code as it is, {self._code}, were of {made_with}; "
                "name another --out"
            )
        known.mishaps, known.breaches = Counter(known.mishaps), Counter(known.breaches)
        self.found[known.seed] = known

    def add(self, out: Outcome) -> None:
        """Append an outcome."""
        row = {field.name: getattr(out, field.name) for field in fields(out)}
        with self.path.open("a") as file:
            file.write(json.dumps(row | {"size": asdict(self.size), "code": self._code}) + "\n")
        self.found[out.seed] = out
