"""What symbols carry from block to block, and the threads that advance it.

In: adjusted bars, (N, T) per field; a plan. Out: features, (K, N, T); after each block the last bars and
the recursive states of every symbol.

A block of one bar takes several symbols side by side (`research.kernels.one_bar`), a longer one symbol
after symbol (`research.kernels.advance`). Threads take ranges of symbols each, which share nothing.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.features.plan import Plan
from research.kernels.advance import BLOCK, advance_nb
from research.kernels.codes import N_COLUMNS
from research.kernels.folds import LANES
from research.kernels.history import ROOM
from research.kernels.one_bar import one_bar_nb
from research.kernels.windows import SCRATCH_ROWS, SCRATCH_SLOTS

__all__ = ["Bars", "Carried"]

F64 = NDArray[np.float64]
Bars = tuple[F64, F64, F64, F64, F64]

# Below this many steps × symbols × bars, handing work to threads costs more than it saves.
_WORTH_THREADS = 5_000


@cache
def _pool(workers: int) -> ThreadPoolExecutor:
    """Return the threads that streams share; kernels release the GIL."""
    return ThreadPoolExecutor(workers, thread_name_prefix="onepath-features")


# Threads do not survive a fork; a child makes its own.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


class _Workspace(NamedTuple):
    """Memory of one thread: columns of one symbol, rows, scratch."""

    x: F64
    rows: F64
    scratch: F64


class Carried:
    """The state of N symbols under a plan.

    Parameters
    ----------
    plan : Plan
    symbols : int
        N.
    jobs : int
        Threads at most.
    """

    def __init__(self, plan: Plan, symbols: int, jobs: int) -> None:
        self._plan = plan
        self._symbols = symbols
        self._jobs = min(jobs, symbols)
        self._lanes = min(LANES, 1 << (symbols - 1).bit_length())
        groups = -(-symbols // self._lanes)
        self._places = (plan.keep + ROOM) * self._lanes
        self._tails: F64 = np.zeros((groups, N_COLUMNS, self._places))
        self._filled: NDArray[np.int64] = np.zeros(symbols, dtype=np.int64)
        self._states: F64 = np.zeros((symbols, plan.state))
        self._workspaces: list[_Workspace] = []

    def advance(self, bars: Bars, out: F64) -> None:
        """Advance all symbols, in as many threads as pays.

        Parameters
        ----------
        bars : open, high, low, close, volume, (N, T) float64 each, C-contiguous
            Adjusted; a NaN close is no bar.
        out : (K, N, T) float64, C-contiguous, changed in place
        """
        one_bar = out.shape[2] == 1
        parts = len(self._tails) if one_bar else self._symbols
        steps = len(self._plan.program) * out.shape[1] * out.shape[2]
        jobs = min(self._jobs, parts) if steps >= _WORTH_THREADS else 1
        while len(self._workspaces) < jobs:
            self._workspaces.append(self._workspace())
        bounds = [parts * k // jobs for k in range(jobs + 1)]
        work = self._one_bar if one_bar else self._block

        def part(k: int) -> None:
            work(bars, out, bounds[k], bounds[k + 1], self._workspaces[k])

        others = [_pool(self._jobs).submit(part, k) for k in range(1, jobs)]
        part(0)
        for other in others:
            other.result()

    def _block(self, bars: Bars, out: F64, first: int, last: int, memory: _Workspace) -> None:
        """Advance symbols first..last−1, one after the other."""
        plan = self._plan
        advance_nb(
            *(plan.program, plan.order, plan.wanted, plan.keep, plan.reads, bars),
            *(self._tails, self._filled, self._states, memory.x, memory.rows, memory.scratch),
            *(self._lanes, first, last, out),
        )

    def _one_bar(self, bars: Bars, out: F64, first: int, last: int, memory: _Workspace) -> None:
        """Advance the symbols of tails first..last−1, side by side but for those that are young."""
        plan = self._plan
        begin = first * self._lanes
        young = begin + np.flatnonzero(self._filled[begin : last * self._lanes] < plan.keep)
        one_bar_nb(
            *(plan.program, plan.order, plan.wanted, plan.keep, plan.reads, bars),
            *(self._tails, self._filled, self._states, memory.rows, memory.scratch),
            *(self._lanes, first, last, out),
        )
        if young.size:
            for run in np.split(young, np.flatnonzero(np.diff(young) > 1) + 1):
                self._block(bars, out, int(run[0]), int(run[-1]) + 1, memory)

    def _workspace(self) -> _Workspace:
        """Make memory for one more thread."""
        alone = self._plan.keep + BLOCK
        places = max(alone, self._places)
        return _Workspace(
            np.zeros((N_COLUMNS, alone)),
            np.zeros((self._plan.rows, places)),
            np.zeros((SCRATCH_SLOTS, SCRATCH_ROWS, places)),
        )

    def forget(self) -> None:
        """Begin anew, before the first bar."""
        self._filled[:] = 0
        self._states[:] = 0

    def write(self) -> dict[str, F64 | NDArray[np.int64]]:
        """Return what the next block needs, the same whatever the blocks so far.

        Returns
        -------
        dict
            `held`, (N,) int64, bars of each symbol; `tails`, (N, N_COLUMNS, keep), these bars, oldest
            first; `states`, (N, S).
        """
        keep, read = self._plan.keep, np.flatnonzero(self._plan.reads)
        held = np.minimum(self._filled, keep)
        tails = np.zeros((self._symbols, N_COLUMNS, keep))
        for j, (n, end) in enumerate(zip(held, self._filled, strict=True)):
            # A column that no step reads is not kept up; what lies there depends on the blocks so far.
            tails[j, read, :n] = self._lane(j)[read, end - n : end]
        return {"held": held, "tails": tails, "states": self._states}

    def read(self, parts: dict[str, NDArray[np.generic]]) -> None:
        """Take over what `write` returned."""
        keep = self._plan.keep
        self._filled[:] = parts["held"]
        self._states[:] = parts["states"]
        for j, tail in enumerate(parts["tails"]):
            self._lane(j)[:, :keep] = tail

    def _lane(self, j: int) -> F64:
        """Return the columns of symbol j."""
        lanes: F64 = self._tails[j // self._lanes].reshape(N_COLUMNS, -1, self._lanes)
        return lanes[:, :, j % self._lanes]
