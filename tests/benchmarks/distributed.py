"""A sweep on 1, 2 and 4 workers of dask and of ray, beside this process; and the bytes that a worker is sent.

Each row is a process of its own with a cluster of its own: one sweep that nobody times, which brings imports
and kernels, then some that are, of which the median counts. A worker has one core, so that four of them share
two on a machine that has no more; this process is shown with one core as well as with all.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from typing import Any

from research.simulation.sweep import SweepResult
from research.simulation.workers import packed, runs_of
from tests.benchmarks.market import machine
from tests.studies.distributed import counted, dask_cluster, local, on_dask

FEW, MANY = 240, 2400
WORKERS = (1, 2, 4)


def timed(cells: int, repeat: int, **where: Any) -> dict[str, Any]:
    """Run a sweep some times after one that nobody times."""
    local(cells, **where)
    runs = [_clocked(cells, **where) for _ in range(repeat)]
    totals = {float(run.metrics["total_return"].fill_nan(None).sum()) for _, run in runs}
    return {"seconds": [seconds for seconds, _ in runs], "total": totals.pop() if len(totals) == 1 else None}


def _clocked(cells: int, **where: Any) -> tuple[float, SweepResult]:
    began = time.perf_counter()
    swept = local(cells, **where)
    return time.perf_counter() - began, swept


def here(cells: int, repeat: int, jobs: int) -> dict[str, Any]:
    """Time this process on so many cores."""
    return timed(cells, repeat, jobs=jobs)


def dask(cells: int, repeat: int, workers: int) -> dict[str, Any]:
    """Time a dask cluster; on two workers, count what each received for few cells and for many."""
    with dask_cluster(workers) as (address, _):
        found = timed(cells, repeat, backend="dask", address=address)
        if workers == 2:
            counts = [counted(address)]
            for asked in (FEW, MANY):
                on_dask(asked, address)
                counts.append(counted(address))
            found["received"] = [[b - a for a, b in zip(*two, strict=True)] for two in pairwise(counts)]
    return found


def ray(cells: int, repeat: int, workers: int) -> dict[str, Any]:
    """Time a ray cluster; on two workers, tell the size of what lies in its store, and of a task's cells."""
    import ray as library

    from research.simulation.on_ray import begin

    begin(workers=workers)
    try:
        found = timed(cells, repeat, backend="ray")
        if workers == 2:
            found["sent"] = [_sent(library, local(asked)) for asked in (FEW, MANY)]
    finally:
        library.shutdown()
    return found


def _sent(library: Any, swept: SweepResult) -> tuple[int, int]:
    """Return the bytes of a sweep's bench in ray's store, and of the cells of its tasks, all together."""
    bench = library.put(packed(swept.study))
    size = library.experimental.get_object_locations([bench])[bench]["object_size"]
    return size, len(pickle.dumps(runs_of(swept.grid.index)))


KINDS = {"here": here, "dask": dask, "ray": ray}


def measured(kind: str, cells: int, repeat: int, workers: int) -> dict[str, Any]:
    """Run one row in a process of its own; one that fails says why in its stead."""
    words = [sys.executable, "-m", "tests.benchmarks.distributed", kind, *map(str, (cells, repeat, workers))]
    told = subprocess.run(words, check=False, capture_output=True, text=True)
    if told.returncode:
        return {"failed": (told.stderr.splitlines() or ["it said nothing"])[-1]}
    return dict(json.loads(told.stdout.splitlines()[-1]))


def main(arguments: list[str]) -> None:
    """Print times and bytes."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks distributed", description=__doc__)
    parser.add_argument("--cells", type=int, default=36_000)
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each row, median")
    asked = parser.parse_args(arguments)
    print(machine())
    print(f"{asked.cells:,} cells of ma_crossover × 2 symbols, fused; medians of {asked.repeat}, end to end")
    alone: dict[str, Any] | None = None
    failed: list[str] = []
    for kind, counts in (("here", (1, os.cpu_count() or 1)), ("dask", WORKERS), ("ray", WORKERS)):
        for count in counts:
            run = measured(kind, asked.cells, asked.repeat, count)
            who = "this process, cores" if kind == "here" else f"{kind}, workers"
            if "failed" in run:
                failed.append(f"{who} {count}")
                print(f"{who:>20} {count}: FAILED: {run['failed']}", flush=True)
                continue
            alone = alone or run
            seconds = statistics.median(run["seconds"])
            same = "equal" if run["total"] is not None and run["total"] == alone["total"] else "DIFFERENT"
            faster = statistics.median(alone["seconds"]) / seconds
            print(
                f"{who:>20} {count}: {seconds:6.2f} s  ({min(run['seconds']):.2f} to "
                f"{max(run['seconds']):.2f})  {faster:4.2f} × one core  figures {same}", flush=True
            )  # fmt: skip
            if "received" in run:
                few, many = run["received"]
                print(f"{'':24}each received {_kb(few)} for {FEW} cells, {_kb(many)} for {MANY:,}")
            if "sent" in run:
                (few, task), (many, tasks) = run["sent"]
                print(
                    f"{'':24}in the store of a machine: {_kb([few])} for {FEW} cells, {_kb([many])} for "
                    f"{MANY:,}; cells of a task: {task} and {tasks} bytes"
                )
    if failed:
        sys.exit(f"{len(failed)} rows failed: {'; '.join(failed)}")


def _kb(counts: list[int]) -> str:
    return " and ".join(f"{count / 1000:,.0f}" for count in counts) + " kB"


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(KINDS[kind](*map(int, numbers))))
