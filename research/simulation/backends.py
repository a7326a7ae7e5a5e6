"""Where a sweep's chunks are run: in this process, or by the workers of a dask or ray cluster.

In: a study and its chunks. Out: what each found, as they finish.

1. The study's bench goes to each worker once, and to one that joins later as well.
2. A task is a chunk's places in the product of the axes: a few bytes. So what a worker is sent does not grow
   with the cells but for these.
3. Two tasks per worker wait ahead, no more: what is not begun can be dropped after Ctrl-C.
4. A task whose worker dies is given to another one by the scheduler, up to three times; then the sweep ends
   in one line. A chunk changes nothing but its result, so it finds the same there.

joblib's backends of the same names only choose the cluster, by ``joblib.parallel_config`` around a sweep.
The schedulers of dask and ray are used directly: joblib on ray hands back a list when the last task has
finished, and chunks must be kept as each is; joblib on dask scatters large arguments to workers, where they
die with one, and only forgets its tasks after Ctrl-C, so that the cluster goes on with them (joblib 1.6, ray
2.60).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, MissingExtra, UnknownName
from research.simulation.chunks import Chunk, Done, run_chunk
from research.simulation.grid import whole
from research.simulation.study import Study

__all__ = ["AHEAD", "RETRIES", "Begin", "Results", "Runner", "Told", "most_cells", "runner_named"]

AHEAD = 2  # chunks per worker that wait beside the one being run
RETRIES = 3  # workers that may die over one chunk before it is given up
_LARGEST = 1024  # cells of a worker's chunk: a lost one costs little
_EACH = 8  # chunks that each worker should get, where there are cells enough
_FEWEST = 64

Begin = Callable[[NDArray[np.int64]], None]
Told = Callable[[float], None]
Results = Generator[tuple[Chunk, Done], None, None]


class Runner(Protocol):
    """Runs chunks and yields them as they finish, in any order."""

    @property
    def slots(self) -> int | None:
        """Chunks that run side by side on a cluster; None in this process."""

    def run(self, chunks: Sequence[Chunk], begin: Begin, told: Told) -> Results:
        """Run some chunks.

        Parameters
        ----------
        chunks : sequence of Chunk
        begin : callable
            Told the cells of a chunk when it is begun, or handed out.
        told : callable
            Told the share that is done of the chunk being run, where that is known.
        """


class _Here:
    """Runs chunks in this process."""

    slots = None

    def __init__(self, study: Study) -> None:
        self._study = study

    def run(self, chunks: Sequence[Chunk], begin: Begin, told: Told) -> Results:
        for chunk in chunks:
            begin(chunk.cells)
            yield chunk, run_chunk(self._study, chunk, told)


def _here(study: Study, address: str | None, workers: int | None) -> AbstractContextManager[Runner]:
    if address is not None or workers is not None:
        name, value = ("workers", workers) if address is None else ("address", address)
        raise BadValue(
            f"`{name}` is of a cluster, was {value!r} with the backend 'local'; choose backend='dask' or "
            "'ray', or leave it out"
        )
    return nullcontext(_Here(study))


_LIBRARIES = {"dask": "distributed", "ray": "ray"}
BACKENDS = ("local", *_LIBRARIES)


def _of_joblib() -> tuple[str, Any]:
    """Return the cluster that ``joblib.parallel_config`` names around this call, and dask's client.

    Its backends on this machine say nothing of a sweep, whose cores are `jobs`. A sweep that is itself a task
    of a dask worker stays there: it would hold the place that its parts wait for.
    """
    if "joblib" not in sys.modules:
        return "local", None
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    library = type(backend).__module__
    if library == "joblib._dask":
        return ("local", None) if _in_dask() else ("dask", backend.client)
    return ("ray" if library.startswith("ray.") else "local"), None


def _in_dask() -> bool:
    """Say whether a dask worker is running this."""
    try:
        import_module("distributed").get_worker()
    except ValueError:
        return False
    return True


@contextmanager
def _joined(name: str, study: Study, client: Any) -> Iterator[Runner]:
    from joblib import parallel_config

    on = import_module(f"research.simulation.on_{name}")
    # Nothing but chunks goes there: models learn here, and scikit-learn would ask joblib, too.
    with (
        parallel_config(backend="sequential"),
        on.joined(study, client) if name == "dask" else on.cluster(study, None, None) as runner,
    ):
        yield runner


def runner_named(
    name: str, study: Study, address: str | None = None, workers: int | None = None
) -> AbstractContextManager[Runner]:
    """Return what runs a study's chunks, to be opened and closed.

    Parameters
    ----------
    name : {"local", "dask", "ray"}
        "local" is what ``joblib.parallel_config`` says, where it names dask or ray.
    study : Study
    address : str, optional
        Of a running cluster; without it one is made on this machine, for this sweep.
    workers : int, optional
        How many to start on this machine; default: one per core.

    Raises
    ------
    UnknownName
        No such backend.
    BadValue
        Nobody answers at the address, or `workers` is no whole number ≥ 1.
    MissingExtra
        The backend's library is not installed.
    """
    if name not in BACKENDS:
        raise UnknownName("sweep backend", name, BACKENDS)
    if workers is not None and not whole(workers, 1):
        raise BadValue(f"`workers` must be a whole number ≥ 1, was {workers!r}; leave it out for all cores")
    if name == "local":
        named, client = _of_joblib() if address is None and workers is None else (name, None)
        return _here(study, address, workers) if named == "local" else _joined(named, study, client)
    if address is not None and workers is not None:
        raise BadValue(
            f"`workers` are started on this machine, were {workers} beside the cluster at {address!r}; leave "
            "one of them out"
        )
    try:
        import_module(_LIBRARIES[name])
    except ImportError as problem:
        raise MissingExtra(
            f"the backend {name!r} needs {problem.name or _LIBRARIES[name]}, which is not installed; "
            f"pip install 'onepath[{name}]'"
        ) from problem
    cluster = import_module(f"research.simulation.on_{name}").cluster
    return cast("AbstractContextManager[Runner]", cluster(study, address, workers))


def most_cells(runner: Runner, cells: int) -> int | None:
    """Return how many cells a worker's chunk may have, so that all workers have something to do."""
    if runner.slots is None:
        return None
    return max(_FEWEST, min(_LARGEST, -(-cells // (_EACH * runner.slots))))
