"""A sweep on real workers: the same figures, also when one is killed with SIGKILL; times; bytes sent.

dask: a scheduler and workers as processes of their own, as docs/sweeps.md starts them. ray: a cluster of its
own on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from research.data import load_sample
from research.simulation.sweep import SweepResult, sweep
from research.simulation.workers import packed, runs_of

_BYTES_RECEIVED = 128  # offset of tcpi_bytes_received in Linux's struct tcp_info


def bars() -> pl.DataFrame:
    """Return the bars: two symbols of the sample."""
    return load_sample(["IBM", "MSFT"])


def grid(cells: int) -> dict[str, object]:
    """Return a grid of about so many cells, on the same features however many."""
    return {"fast": "5:20:5", "slow": "40:80:20", "trail": [0.02 + 0.0005 * k for k in range(cells // 12)]}


def local(cells: int) -> SweepResult:
    """Run it in this process."""
    return sweep(bars(), "ma_crossover", grid(cells), engine="fused", progress=False, ledger=None)


@contextmanager
def dask_cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and workers; yield its address and the workers' processes."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "scheduler.json"
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        path = os.pathsep.join(filter(None, (str(Path.cwd()), os.environ.get("PYTHONPATH"))))
        quiet["env"] = {**os.environ, "PYTHONPATH": path}
        dask = [sys.executable, "-m", "dask"]
        here = ["--host", "127.0.0.1"]
        scheduler = ["scheduler", *here, "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
        started = [subprocess.Popen([*dask, *scheduler], **quiet)]
        try:
            for _ in range(workers):
                words = ["worker", "--scheduler-file", str(told), *here, "--nthreads", "1", "--no-nanny"]
                started.append(subprocess.Popen([*dask, *words, "--no-dashboard"], **quiet))
            from distributed import Client

            while not told.exists():
                time.sleep(0.05)
            with Client(scheduler_file=str(told), set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=120)
                address = client.scheduler.address
            yield address, started[1:]
        finally:
            for process in started:
                process.kill()
                process.wait()


def received() -> int:
    """Return the bytes that this process has received over the TCP connections that it holds."""
    total = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not str(entry.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as held:
                if held.family in {socket.AF_INET, socket.AF_INET6} and held.type == socket.SOCK_STREAM:
                    told = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                    total += struct.unpack_from("<Q", told, _BYTES_RECEIVED)[0]
        except OSError:  # closed meanwhile, or not connected
            continue
    return total


def counted(address: str) -> list[int]:
    """Return what each worker of a dask cluster has received."""
    from distributed import Client

    with Client(address, set_as_default=False) as client:
        return list(client.run(received).values())


def on_dask(cells: int, address: str, victim: subprocess.Popen[bytes] | None = None) -> SweepResult:
    """Run it on a dask cluster; kill a worker once a chunk is done."""

    def told(done: float, total: int) -> None:
        if victim is not None and victim.poll() is None:
            victim.send_signal(signal.SIGKILL)
            victim.wait()

    return sweep(
        bars(), "ma_crossover", grid(cells), engine="fused", progress=told, ledger=None, backend="dask",
        address=address,
    )  # fmt: skip


def on_ray(cells: int, workers: int, killed: list[int] | None = None) -> SweepResult:
    """Run it on a ray cluster of its own; kill a worker once a chunk is done, and note its process."""

    def told(done: float, total: int) -> None:
        if killed is not None and not killed:
            killed.append(_ray_worker())
            os.kill(killed[0], signal.SIGKILL)

    return sweep(
        bars(), "ma_crossover", grid(cells), engine="fused", progress=told, ledger=None, backend="ray",
        workers=workers,
    )  # fmt: skip


def _ray_worker() -> int:
    """Return a worker that runs a task of ours: a child of a raylet that is our child."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            parent = Path("/proc") / _parent(process)
            ours = b"raylet" in (parent / "cmdline").read_bytes() and int(_parent(parent)) == os.getpid()
        except OSError:
            continue
        if ours and words.startswith(b"ray::_on_worker"):
            return int(process.name)
    sys.exit("ray has no worker that runs a task")


def _parent(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[1]


def same(one: SweepResult, other: SweepResult) -> bool:
    """Say whether two sweeps are complete and have the same figures, to the bit."""
    return one.complete and other.complete and one.metrics.equals(other.metrics, null_equal=True)


def dask_small(few: int, many: int) -> dict[str, Any]:
    """Run a small and a larger sweep on two workers, then one of which a worker is killed."""
    with dask_cluster(2) as (address, processes):
        counts = [counted(address)]
        swept = []
        for cells in (few, many):
            swept.append(on_dask(cells, address))
            counts.append(counted(address))
        shot = on_dask(many, address, processes[0])
        killed = processes[0].poll()
    plain = local(many)
    return {
        "same": same(swept[0], local(few)) and same(swept[1], plain),
        "same after a kill": same(shot, plain),
        "killed": killed == -signal.SIGKILL,
        "bench": len(pickle.dumps(packed(plain.study))),
        "received": [[b - a for a, b in zip(*two, strict=True)] for two in pairwise(counts)],
    }


def ray_small(cells: int) -> dict[str, Any]:
    """Run a sweep on two workers of which one is killed."""
    killed: list[int] = []
    plain = local(cells)
    shot = on_ray(cells, 2, killed)
    tasks = [len(pickle.dumps(runs_of(plain.grid.index[:n]))) for n in (12, cells)]
    return {"same after a kill": same(shot, plain), "killed": bool(killed), "task": tasks}


def main(arguments: list[str]) -> None:
    """Print times of 1, 2 and 4 workers, whether figures are the same, and what was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies distributed", description=__doc__)
    parser.add_argument("--cells", type=int, default=24_000)
    parser.add_argument("--small", choices=("dask", "ray"), help="what CI runs, as JSON")
    asked = parser.parse_args(arguments)
    if asked.small:
        print(json.dumps(dask_small(240, 2400) if asked.small == "dask" else ray_small(2400)))
        return
    local(12)
    plain = local(asked.cells)
    print(f"{len(plain.grid)} cells, this process: {plain.seconds:.1f} s")
    for workers in (1, 2, 4):
        with dask_cluster(workers) as (address, _):
            on_dask(12 * workers, address)  # imports, and the kernels are read from disk
            swept = on_dask(asked.cells, address)
        print(f"dask, {workers} workers: {swept.seconds:.1f} s, figures {_equal(swept, plain)}")
    for workers in (1, 2, 4):
        swept = on_ray(asked.cells, workers)
        print(f"ray, {workers} workers: {swept.seconds:.1f} s with imports, figures {_equal(swept, plain)}")
    seen = dask_small(asked.cells // 10, asked.cells)
    print(f"dask, a worker killed: {seen['killed']}, figures the same: {seen['same after a kill']}")
    few, many = seen["received"]
    print(f"dask, bytes received per worker: {few} for {asked.cells // 10} cells, {many} for {asked.cells}; "
          f"the bench has {seen['bench']}")  # fmt: skip
    shot = ray_small(asked.cells)
    print(f"ray, a worker killed: {shot['killed']}, figures the same: {shot['same after a kill']}")


def _equal(one: SweepResult, other: SweepResult) -> str:
    return "equal" if same(one, other) else "DIFFERENT"


if __name__ == "__main__":
    main(sys.argv[1:])
