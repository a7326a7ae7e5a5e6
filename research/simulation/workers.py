"""What a worker of a cluster runs: the bench of a sweep, which it is sent once, and chunks after it.

In: a study's bench (bars, spans, costs, axes: all that does not depend on cells), then chunks as places in
the product of the axes, written as runs, which takes a few bytes. Out: what each chunk found, by the same
code as anywhere (`research.simulation.chunks.run_chunk`). A worker makes the cells of their places, computes
the features that they read, and keeps those that its next chunk reads too. It uses the cores that its cluster
gave it and no more, so that workers who share a machine do not take turns on all of its cores.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from research.errors import SnapshotMismatch
from research.kernels.jit import kernel_hash
from research.simulation.chunks import Chunk, Done, run_chunk
from research.simulation.study import Study

__all__ = ["leave", "leave_all_but", "packed", "places_of", "runs_of", "seat", "seated", "work"]

I64 = NDArray[np.int64]

_SEATS: dict[str, Study] = {}
_ALONE = threading.Lock()  # a study's lanes hold the features of one chunk at a time


def packed(study: Study) -> tuple[str, Study]:
    """Return the bench of a study as workers are sent it, with the kernels that it is for."""
    return kernel_hash(), study.bench()


def seat(token: str, bench: tuple[str, Study], cores: int) -> None:
    """Keep a bench in this process, under a name.

    Parameters
    ----------
    token : str
        The name.
    bench : tuple of str and Study
        As `packed` makes it.
    cores : int
        That this worker was given; fewer are used if the sweep asked for fewer.

    Raises
    ------
    SnapshotMismatch
        The worker has other kernels than the sweep, so its figures would be others.
    """
    code, study = bench
    if code != kernel_hash():
        raise SnapshotMismatch(
            f"a worker must have the kernels of its sweep, {code}, had {kernel_hash()}; install the same "
            "onepath on all machines"
        )
    _SEATS[token] = study.on(min(cores, study.request.jobs or cores))


def seated(token: str) -> bool:
    """Say whether this process has the bench of that name."""
    return token in _SEATS


def leave(token: str) -> None:
    """Forget a bench."""
    _SEATS.pop(token, None)


def leave_all_but(count: int) -> None:
    """Forget all benches but the last few."""
    for token in list(_SEATS)[: max(0, len(_SEATS) - count)]:
        leave(token)


def work(token: str, runs: I64) -> Done:
    """Run the cells at some places of the product, on the bench of that name."""
    with _ALONE:
        study = _SEATS[token].at(places_of(runs))
        return run_chunk(study, Chunk(np.arange(len(study.grid)), study.reads.rows()))


def runs_of(places: I64) -> I64:
    """Return ascending places as runs of consecutive ones, (R, 2) int64: first, count.

    Examples
    --------
    >>> runs_of(np.array([3, 4, 5, 9])).tolist()
    [[3, 3], [9, 1]]
    """
    starts = np.concatenate(([0], np.flatnonzero(np.diff(places) != 1) + 1))
    return np.stack([places[starts], np.diff(np.append(starts, places.size))], axis=1)


def places_of(runs: I64) -> I64:
    """Return the places that runs stand for, (C,) int64."""
    return np.concatenate([np.arange(first, first + count) for first, count in runs.tolist()])
