"""A sweep on real workers: the same figures, also of models, and when one is killed with SIGKILL; bytes sent.

dask: a scheduler and workers as processes of their own, as docs/sweeps.md starts them. ray: a cluster of its
own on this machine. Times: ``python -m tests.benchmarks distributed``.
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
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import joblib
import polars as pl

from research.data import load_sample
from research.learning.settings import LearningSettings
from research.simulation import workers as workers_of
from research.simulation.sweep import SweepResult, sweep
from research.simulation.workers import packed, runs_of

_BYTES_RECEIVED = 128  # offset of tcpi_bytes_received in Linux's struct tcp_info


def bars() -> pl.DataFrame:
    """Return the bars: two symbols of the sample."""
    return load_sample(["IBM", "MSFT"])


def grid(cells: int) -> dict[str, object]:
    """Return a grid of about so many cells, on the same features however many."""
    trails = [0.02 + 0.5 * k * 12 / cells for k in range(cells // 12)]
    return {"fast": "5:20:5", "slow": "40:80:20", "trail": trails}


def local(cells: int, told: Any = False, **where: Any) -> SweepResult:
    """Run it in this process, unless told otherwise."""
    return sweep(bars(), "ma_crossover", grid(cells), engine="fused", progress=told, ledger=None, **where)


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

    return local(cells, told, backend="dask", address=address)


def on_ray(cells: int, killed: list[int]) -> SweepResult:
    """Run it on the ray cluster of this process; once a chunk is done, kill one that works, and note it."""
    over = threading.Event()
    killer = threading.Thread(target=_kill_one, args=(killed, over))

    def told(done: float, total: int) -> None:
        # Not here: while this process is told of a chunk, the workers may have finished all others they were
        # given, and get none until it returns.
        if killer.ident is None:
            killer.start()

    try:
        return local(cells, told, backend="ray")
    finally:
        over.set()
        if killer.ident is not None:
            killer.join()


def _kill_one(killed: list[int], over: threading.Event) -> None:
    """Kill the first worker that is seen to run a task, unless the sweep ends first."""
    while not over.is_set():
        worker = _ray_worker()
        if worker is None:
            time.sleep(0.001)
            continue
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)
            return


def _ray_worker() -> int | None:
    """Return a worker that runs a task of ours, a child of a raylet that is our child; None if all idle."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            if not words.startswith(b"ray::_on_worker"):
                continue
            parent = Path("/proc") / _parent(process)
            ours = b"raylet" in (parent / "cmdline").read_bytes() and int(_parent(parent)) == os.getpid()
        except OSError:
            continue
        if ours:
            return int(process.name)
    return None


def _parent(process: Path) -> str:
    return (process / "stat").read_text().rpartition(")")[2].split()[1]


def same(one: SweepResult, other: SweepResult) -> bool:
    """Say whether two sweeps are complete and have the same figures, to the bit."""
    return one.complete and other.complete and one.metrics.equals(other.metrics, null_equal=True)


def model(**where: Any) -> SweepResult:
    """Run a strategy with a model, two lessons of which one cannot be learned, on a backend."""
    settings = LearningSettings(
        learners=("lightgbm",), features=("ret_5", "ret_21", "vol_21", "z_20", "rsi_2", "dist_sma_20"),
        max_rows=300, min_labels=100, retrain_every=84, tuning={"lightgbm": {"trees": 8}},
    )  # fmt: skip
    grid = {"time_limit": [10, 500], "min_confidence": [0, 0.4], "kelly_fraction": [0.25, 0.5, 1]}
    return sweep(
        load_sample(["AAPL"]).tail(2100), "ml_driven", grid, engine="fused", learning=settings,
        progress=False, ledger=None, **where,
    )  # fmt: skip


def nested(_: int) -> pl.DataFrame:
    """Run it as a task of a worker, where joblib would give its parts to workers that wait for such parts."""
    with joblib.parallel_config(backend="dask"):
        return local(240).metrics


def used() -> list[int]:
    """Return the cores that each bench in this process computes on."""
    return [study.executor.jobs for study in workers_of._SEATS.values()]


def dask_small(few: int, many: int) -> dict[str, Any]:
    """Run sweeps on two workers: small, large, by joblib, with a model; and one of which a worker dies."""
    from distributed import Client

    cores: list[list[int]] = []
    with (
        dask_cluster(2) as (address, processes),
        Client(address, set_as_default=False) as client,
    ):

        def told(done: float, total: int) -> None:
            if not cores:
                cores.extend(client.run(used).values())

        counts = [counted(address)]
        swept = []
        for cells in (few, many):
            swept.append(on_dask(cells, address))
            counts.append(counted(address))
        with joblib.parallel_config(backend="dask", client=client):
            by_joblib = local(few, told)
        tables = [future.result(timeout=120) for future in client.map(nested, range(2))]
        learned = model(backend="dask", address=address)
        shot = on_dask(many, address, processes[0])
        killed = processes[0].poll()
    plain = local(many)
    return {
        "same": same(swept[0], local(few)) and same(swept[1], plain),
        "same by joblib": same(by_joblib, swept[0]),
        "same in tasks": all(table.equals(local(240).metrics, null_equal=True) for table in tables),
        "same of a model": same(learned, model()),
        "same after a kill": same(shot, plain),
        "killed": killed == -signal.SIGKILL,
        "cores": cores,
        "bench": len(pickle.dumps(packed(plain.study))),
        "received": [[b - a for a, b in zip(*two, strict=True)] for two in pairwise(counts)],
    }


def ray_small(cells: int) -> dict[str, Any]:
    """Run sweeps on two workers: by joblib, with a model; and one of which a worker is killed."""
    import ray
    from ray.util.joblib import register_ray

    from research.simulation.on_ray import begin

    register_ray()
    begin(workers=2)
    with joblib.parallel_config(backend="ray"):
        by_joblib = local(cells)
    learned = model(backend="ray")
    probe: Any = ray.remote(num_cpus=1)(used)
    cores = ray.get(probe.remote())
    killed: list[int] = []
    shot = on_ray(cells, killed)
    ray.shutdown()
    plain = local(cells)
    tasks = [len(pickle.dumps(runs_of(plain.grid.index[:n]))) for n in (12, cells)]
    return {
        "same by joblib": same(by_joblib, plain),
        "same of a model": same(learned, model()),
        "same after a kill": same(shot, plain),
        "killed": bool(killed),
        "cores": cores,
        "task": tasks,
    }


def main(arguments: list[str]) -> None:
    """Print whether figures are the same, and what was sent."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies distributed", description=__doc__)
    parser.add_argument("--cells", type=int, default=24_000)
    parser.add_argument("--small", choices=("dask", "ray"), help="what CI runs, as JSON")
    asked = parser.parse_args(arguments)
    if asked.small:
        print(json.dumps(dask_small(240, 2400) if asked.small == "dask" else ray_small(2400)))
        return
    for name in ("dask", "ray"):
        seen = dask_small(asked.cells // 10, asked.cells) if name == "dask" else ray_small(asked.cells)
        for what, found in seen.items():
            print(f"{name}, two workers, {asked.cells} cells: {what}: {found}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
