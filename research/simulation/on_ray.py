"""A sweep's chunks on a ray cluster.

In: a study; the address of a cluster, or how many workers to start here. Out: a `Runner`. The bench lies in
ray's object store: it comes to each node once, and the workers of a node read it in place.
"""

from __future__ import annotations

import copy
import logging
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from research.errors import BadValue, OnepathError
from research.simulation.backends import AHEAD, RETRIES, Begin, Results, Told
from research.simulation.chunks import Chunk, Done
from research.simulation.study import Study
from research.simulation.workers import leave_all_but, packed, runs_of, seat, seated, work

__all__ = ["begin", "cluster"]

_LIBRARY: Any = ray  # parts of it have no types
_PATIENCE = 5.0  # seconds for a cluster to answer
_STARTS = 5  # of a node on this machine, before it is given up
_BENCHES = 2  # that a worker keeps: it is not told when a sweep ends


def _on_worker(token: str, bench: list[Any], runs: NDArray[np.int64]) -> Done:
    """Run a chunk; a worker's first one brings the bench, for the cores that ray gives to the task."""
    if not seated(token):
        given = _LIBRARY.get_runtime_context().get_assigned_resources()
        # A copy: ray's own is read-only memory, for which every kernel would be compiled anew.
        seat(token, copy.deepcopy(ray.get(bench[0])), max(1, int(given.get("CPU", 1))))
        leave_all_but(_BENCHES)
    return work(token, runs)


class _Ray:
    """Runs chunks as ray tasks."""

    def __init__(self, study: Study, token: str) -> None:
        self._index = study.grid.index
        self._token = token
        # In a list, so that a task is given the reference and not another copy of the bench.
        self._bench = [ray.put(packed(study))]
        self._cores = study.request.jobs or 1
        self._task: Any = ray.remote(num_cpus=self._cores, max_retries=RETRIES)(_on_worker)

    @property
    def slots(self) -> int:
        return max(1, int(sum(cores // self._cores for cores in _cores_of_nodes())))

    def run(self, chunks: Sequence[Chunk], begin: Begin, told: Told) -> Results:
        left = iter(chunks)
        waiting: dict[Any, Chunk] = {}

        def hand_out(most: int) -> None:
            while len(waiting) < most and (chunk := next(left, None)) is not None:
                begin(chunk.cells)
                task = self._task.remote(self._token, self._bench, runs_of(self._index[chunk.cells]))
                waiting[task] = chunk

        try:
            hand_out((1 + AHEAD) * self.slots)
            while waiting:
                (task,), _ = ray.wait(list(waiting), num_returns=1)
                chunk = waiting.pop(task)
                yield chunk, _result(task, chunk)
                hand_out((1 + AHEAD) * self.slots)  # nodes may have come or gone
        finally:
            for task in waiting:
                ray.cancel(task, force=False)


def _result(task: Any, chunk: Chunk) -> Done:
    try:
        done: Done = ray.get(task)
    except ray.exceptions.RayTaskError:
        raise  # is what the chunk itself raised
    except ray.exceptions.RayError as problem:
        why = str(problem).strip().partition("\n")[0]
        raise OnepathError(
            f"the cells {chunk.cells[0]} to {chunk.cells[-1]} were given up after {RETRIES + 1} ray workers "
            f"died over them ({why}); finished chunks are kept where there is a store"
        ) from problem
    return done


@contextmanager
def cluster(study: Study, address: str | None, workers: int | None) -> Iterator[_Ray]:
    """Reach or start a cluster, and leave or end it; one that the caller has begun is taken, and stays."""
    ours = not ray.is_initialized()
    if ours and address is not None:
        _require_answer(address)
    jobs = study.request.jobs or 1
    if ours:
        begin(address, workers, jobs)
    try:
        _require_cores(jobs)
        yield _Ray(study, f"onepath-{uuid.uuid4().hex}")
    finally:
        if ours:
            ray.shutdown()


def _cores_of_nodes() -> list[float]:
    """Return the cores of each node that lives."""
    return [node["Resources"].get("CPU", 0.0) for node in _LIBRARY.nodes() if node["Alive"]]


def _require_cores(jobs: int) -> None:
    """Refuse tasks that no node could ever run: ray would wait for one."""
    most = max(_cores_of_nodes(), default=0.0)
    if jobs > most:
        raise BadValue(
            f"`jobs` are cores of one worker, was {jobs}, and no node of the ray cluster has more than "
            f"{most:g}; ask for fewer"
        )


def begin(address: str | None = None, workers: int | None = None, jobs: int = 1) -> None:
    """Join the cluster at an address, or start one here with so many workers of so many cores each."""
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # "local": never a cluster that happens to run; that one must be asked for.
        count = workers or max(1, (os.cpu_count() or 1) // jobs)
        options |= {"num_cpus": count * jobs, "include_dashboard": False}
    left = 1 if address else _STARTS
    while True:
        left -= 1
        try:
            ray.init(address=address or "local", **options)
        # Broad, because ray itself raises plain Exception where a node is too slow to start, beside
        # ConnectionError, RuntimeError and ValueError for others; each is raised again, or tried once more.
        except Exception as problem:
            ray.shutdown()
            if left and "timed out during startup" in str(problem):
                continue  # a busy machine: it gives a node 30 s
            raise _nobody(address, str(problem).strip().partition("\n")[0]) from problem
        return


def _require_answer(address: str) -> None:
    """Refuse an address where nobody listens: ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return  # "auto", which ray resolves
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as problem:
        raise _nobody(address, problem.strerror or str(problem)) from problem


def _nobody(address: str | None, why: str) -> BadValue:
    where = f"at {address!r}" if address else "on this machine"
    return BadValue(
        f"no ray cluster {where} ({why}); start one with `ray start --head`, and give its address like "
        "127.0.0.1:6379"
    )
