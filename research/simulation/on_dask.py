"""A sweep's chunks on a dask cluster.

In: a study; the address of a scheduler, or how many workers to start here. Out: a `Runner`. The bench is
a worker plugin: the scheduler sends it to each worker once, and to one that joins or comes back later.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import distributed

from research.errors import BadValue, OnepathError
from research.simulation.backends import AHEAD, RETRIES, Begin, Results, Told
from research.simulation.chunks import Chunk, Done
from research.simulation.study import Study
from research.simulation.workers import leave, packed, runs_of, seat, work

__all__ = ["Bench", "cluster", "joined"]

_LIBRARY: Any = distributed  # half of it has no types
_PATIENCE = 5.0  # seconds for a scheduler to answer


class Bench(distributed.WorkerPlugin):
    """A sweep's bench on a worker.

    Parameters
    ----------
    token : str
        Its name.
    bench : tuple of str and Study
        As `packed` makes it.
    """

    def __init__(self, token: str, bench: tuple[str, Study]) -> None:
        self._token = token
        self._bench = bench

    def setup(self, worker: Any) -> None:
        """Keep the bench in the worker's process, for as many cores as it has threads."""
        seat(self._token, self._bench, worker.state.nthreads)

    def teardown(self, worker: Any) -> None:
        """Forget it."""
        leave(self._token)


class _Dask:
    """Runs chunks on the workers of a client."""

    def __init__(self, study: Study, client: Any, token: str) -> None:
        self._index = study.grid.index
        self._client = client
        self._token = token

    @property
    def slots(self) -> int:
        # A worker runs one chunk at a time, on all of its threads.
        return max(1, len(self._client.nthreads()))

    def run(self, chunks: Sequence[Chunk], begin: Begin, told: Told) -> Results:
        left = iter(chunks)
        waiting: dict[Any, Chunk] = {}
        finished = _LIBRARY.as_completed([], loop=self._client.loop)

        def hand_out(most: int) -> None:
            while len(waiting) < most and (chunk := next(left, None)) is not None:
                begin(chunk.cells)
                runs = runs_of(self._index[chunk.cells])
                future = self._client.submit(work, self._token, runs, pure=False)
                waiting[future] = chunk
                finished.add(future)

        try:
            hand_out((1 + AHEAD) * self.slots)
            while waiting:
                future = next(finished)
                chunk = waiting.pop(future)
                yield chunk, _result(future, chunk)
                hand_out((1 + AHEAD) * self.slots)  # workers may have come or gone
        finally:
            self._client.cancel(list(waiting))


def _result(future: Any, chunk: Chunk) -> Done:
    try:
        done: Done = future.result()
    except distributed.KilledWorker as problem:
        raise OnepathError(
            f"the cells {chunk.cells[0]} to {chunk.cells[-1]} were given up after {RETRIES + 1} dask workers "
            "died over them; finished chunks are kept where there is a store, see the workers' logs"
        ) from problem
    return done


@contextmanager
def cluster(study: Study, address: str | None, workers: int | None) -> Iterator[_Dask]:
    """Open a client and run a study on its workers."""
    begun = _started(workers, study.request.jobs or 1) if address is None else _reached(address)
    with begun as client, joined(study, client) as runner:
        yield runner


@contextmanager
def joined(study: Study, client: Any) -> Iterator[_Dask]:
    """Bring the bench to the workers of a client, and take it away at the end."""
    token = f"onepath-{uuid.uuid4().hex}"
    client.register_plugin(Bench(token, packed(study)), name=token)
    try:
        yield _Dask(study, client, token)
    finally:
        client.unregister_worker_plugin(token)


@contextmanager
def _started(workers: int | None, threads: int) -> Iterator[Any]:
    options = {"threads_per_worker": threads, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        _LIBRARY.LocalCluster(n_workers=workers, **options) as local,
        _LIBRARY.Client(local, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _reached(address: str) -> Iterator[Any]:
    try:
        client = _LIBRARY.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise BadValue(
            f"no dask scheduler answers at {address!r}; start one with `dask scheduler`, and give its "
            "address like tcp://127.0.0.1:8786"
        ) from problem
    with client:
        if not client.nthreads():
            raise BadValue(
                f"the dask scheduler at {address} has no worker; start one with "
                f"`dask worker {address} --nthreads 1`"
            )
        yield client
