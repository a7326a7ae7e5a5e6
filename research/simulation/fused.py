"""The fused executor: our own scan over all cells on all cores, reduced to figures in passing.

In: a `Lane` and some `Cells`. Out: their figures, or the orders of any of them.

1. Cells that choose alike (same features, same own parameters) are a group: the strategy is
   asked once per group, for side, exit and gate alone.
2. Each distinct way to size and protect is computed once per chunk.
3. Per group, one kernel rides each cell's account, settles its orders into sums, and forgets
   both (`research.kernels.ride`).
4. Groups are dealt to threads; nothing is shared but what is read, so how many there are
   changes no bit.

Memory: a thread's signals and orders of one account, and the distinct ways. It does not grow with cells.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from research.kernels.account import Account, copy_account, empty_orders, new_account
from research.kernels.ride import cells_nb, entries_nb, ride_nb
from research.kernels.signals import size_nb
from research.kernels.sums import N_SUMS
from research.simulation.figures import Orders, figures_of, of_one, year
from research.simulation.lanes import Cells, Lane
from research.simulation.vectorbt_arrays import share_units
from research.simulation.with_vectorbt import FILL, VectorbtRun

__all__ = ["FusedExecutor"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# What size and protection are made of; the parameters around them are the strategy's choice.
_SIZES = slice(sg.P_ALLOW_SHORT + 1, sg.N_SHARED)


class FusedExecutor:
    """Our own scan; says everything that a backtest can, dividends and time limits included.

    Parameters
    ----------
    execution : Execution
    initial_capital : float
        USD, of each account.
    """

    engine = "fused"

    def __init__(self, execution: Execution, initial_capital: float) -> None:
        self.most_cells = 4096
        self.most_features = 256
        self._rules = execution.as_array()
        self._capital = initial_capital
        self._blank = new_account(1, initial_capital)
        self._jobs = os.cpu_count() or 1

    def figures(self, lane: Lane, cells: Cells) -> dict[str, F64]:
        """Return `FIGURES` of C accounts."""
        sums = np.zeros((len(cells), N_SUMS))
        if cells.words is None:
            groups = _groups(cells)
            run = partial(self._run, lane, cells, *_ways(lane, cells), sums)
        else:
            groups = [np.array([c]) for c in range(len(cells))]
            run = partial(self._run_heard, lane, cells, sums)
        jobs = min(self._jobs, len(groups))
        if jobs == 1:
            run(groups)
        else:
            # Cells that are neighbours trade alike, so dealing evens out the work.
            with ThreadPoolExecutor(jobs) as pool:
                parts = [pool.submit(run, groups[k::jobs]) for k in range(jobs)]
            for part in parts:
                part.result()
        return figures_of(sums, lane)

    def _run_heard(self, lane: Lane, cells: Cells, sums: F64, groups: Sequence[I64]) -> None:
        """Run some cells whose models have spoken: these lower the weight, so each is sized by itself."""
        orders, ahead = empty_orders(len(lane), 1), np.empty(len(lane) + 1, dtype=np.int32)
        only = np.zeros(1, dtype=np.int64)
        for cell in groups:
            signals = lane.signals(cells[cell[0] : cell[0] + 1])
            sized = np.ascontiguousarray(signals.transpose(1, 0, 2))
            cells_nb(self._blank, lane.rows, sized[0], sized, only, ahead, self._rules, orders, sums, cell)

    def _run(self, lane: Lane, cells: Cells, ways: I64, sized: F64, sums: F64, groups: Sequence[I64]) -> None:
        """Run some groups in this thread."""
        chosen = np.empty((sg.N_SIGNALS, len(lane)))
        orders, ahead = empty_orders(len(lane), 1), np.empty(len(lane) + 1, dtype=np.int32)
        bars = lane.rows
        features = np.empty((0, len(lane)))
        held: tuple[str, ...] = ()
        for group in groups:
            read = cells.reads[group[0]]
            if len(read) != len(held):
                features, held = np.empty((len(read), len(lane))), ("",) * len(read)
            for k, name in enumerate(read):
                if name != held[k]:
                    features[k] = lane.features[name]
            held = read
            cells.rule.choose(features, cells.vectors[group[0]], chosen)
            cells_nb(self._blank, bars, chosen, sized, ways[group], ahead, self._rules, orders, sums, group)

    def orders(self, lane: Lane, cells: Cells) -> Orders:
        """Return the orders of C accounts."""
        return self._orders(lane, cells)[0]

    def _orders(self, lane: Lane, cells: Cells) -> tuple[Orders, list[Account]]:
        ahead = np.empty(len(lane) + 1, dtype=np.int32)
        signals = lane.signals(cells)
        found, accounts = [], []
        for c in range(len(cells)):
            chosen, orders = np.ascontiguousarray(signals[:, c]), empty_orders(len(lane), 1)
            account = copy_account(self._blank)
            entries_nb(chosen, ahead)
            n = ride_nb(account, lane.rows, chosen, chosen, ahead, self._rules, orders)
            orders[:n, ac.O_SYMBOL] = c
            found.append(orders[:n].copy())
            accounts.append(account)
        starts = np.cumsum([0, *(len(orders) for orders in found)])
        return Orders(np.concatenate(found), starts), accounts

    def portfolio(self, lane: Lane, cells: Cells) -> Any:
        """Return vectorbt's `Portfolio` of one account, made of our orders."""
        (rows, _), (account,) = self._orders(lane, cells)
        if account.totals[ac.A_DIVIDENDS] != 0.0:
            raise BadValue(
                "a vectorbt portfolio has no dividends, and this account was paid "
                f"{account.totals[ac.A_DIVIDENDS]:.2f}; set Execution(dividends=False), or read `orders`"
            )
        fills = np.empty(len(rows), FILL)
        of = {"bar": ac.O_BAR, "column": ac.O_SYMBOL, "side": ac.O_SIDE, "size": ac.O_QTY}
        for name, field in {**of, "price": ac.O_PRICE, "fee": ac.O_FEE}.items():
            fills[name] = rows[:, field]
        close, split = lane.bars["close"][None], lane.bars["split"][None]
        run = VectorbtRun(
            fills, self.engine, np.zeros(1, dtype=np.int64), close, share_units(close, split),
            self._capital, lane.bar_close,
        )  # fmt: skip
        return of_one(run.portfolio(0, freq=year(lane)))

    def bytes_per_bar(self, *, targets: bool) -> int:
        """Return the memory that one bar of one account takes where each cell is a way of its own."""
        return 8 * sg.N_SIGNALS

    def warm_up(self, lane: Lane, cells: Cells) -> None:
        """Run the kernels."""
        self.figures(lane, cells)


def _ways(lane: Lane, cells: Cells) -> tuple[I64, F64]:
    """Return which way to size and protect each cell takes, (C,), and the signal rows of each, (B, S, T)."""
    found: dict[bytes, int] = {}
    parts = np.ascontiguousarray(cells.vectors[:, _SIZES])
    ways = np.array([found.setdefault(part.tobytes(), len(found)) for part in parts], dtype=np.int64)
    first = np.unique(ways, return_index=True)[1]
    sized = np.empty((len(found), sg.N_SIGNALS, len(lane)))
    # The shared features stand first in every cell's list.
    names = cells.reads[0][: sg.N_SHARED_FEATURES]
    shared = np.stack([lane.features[name] for name in names])
    for b, c in enumerate(first):
        size_nb(shared, cells.vectors[c], sized[b])
    return ways, sized


def _groups(cells: Cells) -> list[I64]:
    """Return the cells that choose alike, group by group."""
    found: dict[tuple[bytes, tuple[str, ...]], list[int]] = {}
    own = np.delete(cells.vectors, _SIZES, axis=1)
    for c, (part, read) in enumerate(zip(own, cells.reads, strict=True)):
        found.setdefault((part.tobytes(), read), []).append(c)
    return [np.array(group, dtype=np.int64) for group in found.values()]
