"""A sweep killed with SIGKILL at random moments, and resumed: same figures, no finished chunk run again."""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from research.data import load_sample
from research.simulation.executors import EXECUTORS
from research.simulation.fused import FusedExecutor
from research.simulation.sweep import SweepResult, sweep

_GRID = {"fast": "2:40", "slow": "41:120:3", "trail": [0.0, 0.04, 0.08]}


class _Fine(FusedExecutor):
    """Our scan in chunks of 32 cells, so that there are many moments to be killed at."""

    def figures(self, lane, cells):
        time.sleep(0.004)  # a chunk takes as long on a machine with many cores
        return super().figures(lane, cells)

    @property
    def most_cells(self) -> int:
        """Few."""
        return 32

    @most_cells.setter
    def most_cells(self, value: int) -> None:
        pass


class Outcome(NamedTuple):
    """What a study saw.

    Attributes
    ----------
    kills : int
    begun, finished : int
        Chunks, over all runs.
    repeated : int
        Finished chunks that were begun again.
    lost : int
        Chunks that were begun again because a kill came before their end.
    same : bool
        Whether the figures are those of a sweep that nobody interrupted.
    """

    kills: int
    begun: int
    finished: int
    repeated: int
    lost: int
    same: bool


def run(store: Path | None) -> SweepResult:
    """Run the sweep, or what is missing of it."""
    EXECUTORS["fine"] = _Fine
    bars = load_sample(["IBM", "MSFT"]).filter(pl.col("bar_close").dt.year() >= 2009)
    return sweep(bars, "ma_crossover", _GRID, engine="fine", store=store, progress=False, ledger=None)


def interrupt(kills: int, seed: int) -> Outcome:
    """Kill a sweep so many times, and let it finish."""
    rng = np.random.default_rng(seed)
    repeated = lost = done = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        total = len(run(None).grid) // 32
        while done < kills:
            before, lines = _finished(store), len(_begun(store))
            process = subprocess.Popen([sys.executable, "-m", "tests.studies.interrupted", str(store)])
            # After some chunks of this run, and at any moment of the next one.
            wanted = lines + int(rng.integers(0, max(2, 2 * total // (kills + 1))))
            while process.poll() is None and len(_begun(store)) <= wanted:
                time.sleep(0.001)
            time.sleep(float(rng.uniform(0.0, 0.012)))
            process.kill()
            if process.wait() not in {0, -signal.SIGKILL}:
                sys.exit(f"the sweep ended with status {process.returncode}")
            done += process.returncode != 0
            begun = _begun(store)[lines:]
            repeated += len(before.intersection(begun))
            lost += len(set(begun) - _finished(store))
            if process.returncode == 0:
                break  # it was done before it could be killed
        before, lines = _finished(store), len(_begun(store))
        resumed = run(store)
        repeated += len(before.intersection(_begun(store)[lines:]))
        same = resumed.metrics.equals(run(None).metrics, null_equal=True) and resumed.complete
        return Outcome(done, len(_begun(store)), len(_finished(store)), repeated, lost, same)


def _begun(store: Path) -> list[str]:
    log = store / "runs.log"
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def _finished(store: Path) -> set[str]:
    found = (re.match(r"cells-(\d+)-(\d+)-", path.name) for path in store.glob("cells-*.parquet"))
    return {f"{int(name[1])}-{int(name[2])}" for name in found if name}


def main(arguments: list[str]) -> None:
    """Print what a study saw."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies interrupted", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args(arguments)
    began = time.perf_counter()
    seen = interrupt(asked.kills, asked.seed)
    figures = "equal" if seen.same else "DIFFERENT"
    print(f"{seen.kills} kills, {seen.begun} chunks begun, {seen.finished} finished, {seen.lost} cut short")
    print(
        f"finished ones begun again: {seen.repeated}; figures {figures}; {time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    run(Path(sys.argv[1]))
