"""The fused executor: our own scan over all cells on all cores, reduced to figures in passing.

In: a `Lane` and some `Cells`. Out: their figures, their returns or what the trial ledger keeps of them, or
the orders of any of them.

1. Cells that choose alike (same features, same own parameters) are a group: the strategy is
   asked once per group, for side, exit and gate alone.
2. Features that compare two rows are made group by group from rows that are held once.
3. Per cell, one kernel rides its account, settles its orders into sums, and forgets
   both (`research.strategies.groups`).
4. Groups are dealt to threads; nothing is shared but what is read, so how many there are
   changes no bit.

Memory: the rows that features are made of, and per thread the signals and orders of one account. It does not
grow with cells, but for one row of sums each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue
from research.evidence.moments import Moments
from research.evidence.trials import SKETCH, places
from research.execution import Execution
from research.kernels import account as ac
from research.kernels import codes as do
from research.kernels import signals as sg
from research.kernels import trials
from research.kernels.account import Account, copy_account, empty_orders, new_account
from research.kernels.bars import actions_nb
from research.kernels.compared import HELD
from research.kernels.ride import ride_signals_nb
from research.kernels.settle import settle_nb
from research.kernels.sums import N_SUMS, SUMS
from research.kernels.trials import returns_nb, trial_nb
from research.simulation.figures import Orders, figures_of, of_one, year
from research.simulation.held import Held
from research.simulation.lanes import Cells, Lane
from research.simulation.needs import Lists
from research.simulation.vectorbt_arrays import share_units
from research.simulation.with_vectorbt import FILL, VectorbtRun
from research.strategies.asked import is_rare, number_of
from research.strategies.groups import groups_nb

__all__ = ["FusedExecutor"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# What size and protection are made of; the parameters around them are the strategy's choice.
_SIZES = slice(sg.P_ALLOW_SHORT + 1, sg.N_SHARED)
_SHARES = 4  # a core that is kept busy by others delays so many parts of its work, not all of it
_SKETCHED = 4096  # cells whose sketches are made at a time, before they are shortened


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
        self.most_cells = 1024
        self.most_features = 256
        self._rules = execution.as_array()
        self._capital = initial_capital
        self._blank = new_account(1, initial_capital)
        self.jobs = os.cpu_count() or 1

    def figures(self, lane: Lane, cells: Cells) -> dict[str, F64]:
        """Return `FIGURES` of C accounts."""
        return figures_of(self._run(lane, cells).sums, lane)

    def returns(self, lane: Lane, cells: Cells) -> F64:
        """Return the return of each bar of C accounts.

        Returns
        -------
        (T, C) float64
            0 while nothing is held; of an account that falls to 0 USD or below −1 there, and 0 after it.
        """
        return self._run(lane, cells, returns=True).returns.T

    def trials(self, lane: Lane, cells: Cells) -> tuple[Moments, NDArray[np.float16]]:
        """Return what the trial ledger keeps of C accounts, without holding their returns.

        Returns
        -------
        Moments
            As `research.evidence.moments.moments` makes them of `returns`.
        (C, 128) float16
            As `research.evidence.trials.sketches`, of the lane's instants.

        Raises
        ------
        BadValue
            Fewer than three bars.
        """
        if len(lane) < 3:
            raise BadValue(f"moments need at least 3 bars, {lane.symbol} has {len(lane)}; take a longer span")
        moments = np.empty((len(cells), trials.N_MOMENTS))
        sketches = np.empty((len(cells), SKETCH), dtype=np.float16)
        for at in range(0, len(cells), _SKETCHED):
            part = slice(at, at + _SKETCHED)
            ran = self._run(lane, cells[part], judge=True)
            moments[part], sketches[part] = ran.moments, ran.sketches
        sharpe, skewness, kurtosis, autocorrelation = np.ascontiguousarray(moments.T)
        return Moments(sharpe, skewness, kurtosis, autocorrelation, len(lane)), sketches

    def _run(self, lane: Lane, cells: Cells, *, returns: bool = False, judge: bool = False) -> _Ran:
        """Run cells on all cores, and keep what is asked for."""
        count = len(cells)
        bucket, sign = places(len(lane), lane.bar_close) if judge else (np.empty(0, np.int64), np.empty(0))
        ran = _Ran(
            np.zeros((count, N_SUMS)),
            np.empty((count if returns else 0, len(lane))),
            np.zeros((count if judge else 0, trials.N_MOMENTS)),
            np.zeros((count if judge else 0, SKETCH)),
        )
        if cells.words is None:
            calls = self._groups(lane, cells, ran, bucket, sign)
        else:
            jobs = min(self.jobs, count)
            calls = [
                partial(self._heard, lane, cells, ran, bucket, sign, range(k, count, jobs))
                for k in range(jobs)
            ]
        left = iter(calls)

        def work() -> None:
            for call in left:
                call()

        # This thread works, too: another one costs as much as tens of cells.
        more = min(self.jobs, len(calls)) - 1
        if more < 1:
            work()
            return ran
        with ThreadPoolExecutor(more) as pool:
            others = [pool.submit(work) for _ in range(more)]
            work()
            for other in others:
                other.result()
        return ran

    def _groups(
        self, lane: Lane, cells: Cells, ran: _Ran, bucket: I64, sign: F64
    ) -> list[Callable[[], None]]:
        """Return the calls that run all cells, group by group."""
        number, held, lists = number_of(cells.rule), lane.features, cells.reads.lists
        used, which = np.unique(cells.reads.case, return_inverse=True)
        begins, lengths = lists.starts[used], lists.starts[used + 1] - lists.starts[used]
        calls: list[Callable[[], None]] = []
        for length in np.unique(lengths):
            # A strategy knows its features by their place, so lists of one length run together.
            alike = lengths == length
            flat = lists.flat[begins[alike][:, None] + np.arange(length)]
            features, numbers = np.unique(flat, return_inverse=True)
            recipes, reads = _placed(lists, features, held), numbers.reshape(flat.shape).astype(np.int32)
            order, starts = _grouped(cells.vectors, which, np.flatnonzero(alike[which]))
            given = (
                number, is_rare(cells.rule, recipes[reads, 0]), *held.matrices, held.lead,
                recipes, reads, cells.vectors, order, starts,
                (np.cumsum(alike) - 1)[which[order[starts[:-1]]]],
            )  # fmt: skip
            rest = (self._blank, lane.rows, self._rules, *ran[:2], bucket, sign, *ran[2:])
            # Cells that are neighbours trade alike, so dealing evens out the work.
            parts = min(self.jobs * _SHARES if self.jobs > 1 else 1, len(starts) - 1)
            calls += [partial(groups_nb, *given, k, parts, *rest) for k in range(parts)]
        return calls

    def _heard(
        self, lane: Lane, cells: Cells, ran: _Ran, bucket: I64, sign: F64, part: Iterable[int]
    ) -> None:
        """Run some cells whose models have spoken: these lower the weight, so each is sized by itself."""
        orders, equity = empty_orders(len(lane), 1), np.empty(len(lane))
        bars, rules = lane.rows, self._rules
        sums, actions = ran.sums.view(SUMS), np.empty(len(lane) + 1, dtype=np.int32)
        actions_nb(bars, rules, actions)
        for c in part:
            chosen = np.ascontiguousarray(lane.signals(cells[c : c + 1])[:, 0])
            n = ride_signals_nb(copy_account(self._blank), bars, chosen, rules, orders)
            settle_nb(orders, 0, n, self._capital, bars, actions, rules, sums[c, 0], equity)
            if len(ran.returns):
                returns_nb(equity, self._capital, ran.returns[c])
            if len(ran.moments):
                returns_nb(equity, self._capital, equity)
                trial_nb(equity, bucket, sign, ran.moments[c], ran.sketches[c])

    def orders(self, lane: Lane, cells: Cells) -> Orders:
        """Return the orders of C accounts."""
        return self._orders(lane, cells)[0]

    def _orders(self, lane: Lane, cells: Cells) -> tuple[Orders, list[Account]]:
        signals = lane.signals(cells)
        found, accounts = [], []
        for c in range(len(cells)):
            chosen, orders = np.ascontiguousarray(signals[:, c]), empty_orders(len(lane), 1)
            account = copy_account(self._blank)
            n = ride_signals_nb(account, lane.rows, chosen, self._rules, orders)
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
        """Return the memory that one bar of one account takes: what is kept of a cell is less than this."""
        return 1

    def warm_up(self, lane: Lane, cells: Cells) -> None:
        """Run the kernels."""
        self.figures(lane, cells)


class _Ran(NamedTuple):
    """What was kept of C cells: (C, N_SUMS), (C, T), (C, N_MOMENTS), (C, 128); (0, …) of what nobody asks."""

    sums: F64
    returns: F64
    moments: F64
    sketches: F64


def _placed(lists: Lists, features: I64, held: Held) -> I64:
    """Return the recipes of some features, (M, 4), rows by their places in the matrices that are held."""
    recipes = lists.recipes[features]
    for code in (HELD, do.CROSS):
        of = (recipes[:, 0] == do.CROSS) == (code == do.CROSS)
        rows, at = np.unique(recipes[of, 2:], return_inverse=True)
        names = [lists.rows[k].name for k in rows.tolist()]
        places = held.places(names, code)
        if (places < 0).any():
            raise KeyError(f"the lane must hold {names[int(np.argmin(places))]} before its cells are run")
        recipes[of, 2:] = places[at.reshape(-1, 2)]
    return recipes


def _grouped(vectors: F64, which: I64, alike: I64) -> tuple[I64, I64]:
    """Order some cells such that those that choose alike follow each other.

    Parameters
    ----------
    vectors : (C, P) float64
    which : (C,) int64
        The list of features that each reads.
    alike : (M,) int64
        The cells.

    Returns
    -------
    (M,) int64
        The cells, group by group.
    (G + 1,) int64
        Where in them each group begins, and the last one ends.
    """
    own = np.delete(vectors, _SIZES, axis=1)[alike]
    keys = np.column_stack([which[alike], own[:, (own != own[0]).any(axis=0)]])
    order = np.lexsort(keys.T[::-1])
    keys = keys[order]
    begins = np.flatnonzero((keys[1:] != keys[:-1]).any(axis=1)) + 1
    return alike[order], np.concatenate([[0], begins, [len(alike)]])
