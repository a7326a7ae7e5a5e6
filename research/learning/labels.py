"""Labels: what each candidate would have brought, and how much each label is worth.

In: panels and signals, block by block. Out: for every candidate that a strategy wished
for, the net return of the very trade that the broker kernel would have made, at the bar
at which that trade closed, and never before. `weights` says what overlapping labels are worth.

Bars are counted over the engine's life: 0 is the first instant ever seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.data.aligned import Panel
from research.errors import BadValue, SnapshotMismatch
from research.execution import Execution
from research.kernels import signals as sg
from research.kernels.account import Account, new_account
from research.kernels.shadow import shadow_nb
from research.learning.weights import effective_size, kish_size, sample_weights, uniqueness

__all__ = ["Matured", "ShadowBook", "effective_size", "kish_size", "sample_weights", "uniqueness"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# Large against any price, so that a quantity has many digits; half of it leaves cash for a gap at the open.
_CAPITAL = 1e9
_WEIGHT = 0.5


class Matured(NamedTuple):
    """Labels that were settled in a block, sorted by (t_end, symbol, birth).

    Attributes
    ----------
    t_end : (R,) int64
        Bar in which the shadow trade closed: the label is known from this close on.
    symbol : (R,) int64
        Column of the panel.
    birth : (R,) int64
        Bar at whose close the trade was decided; it entered at the symbol's next open.
    net : (R,) float64
        Net return: (cash after − cash before) ÷ (entry price × quantity). Never NaN.
    reason : (R,) int64
        Why it closed: SIGNAL, STOP, TARGET, TRAIL or TIME of `kernels.account`.
    """

    t_end: I64
    symbol: I64
    birth: I64
    net: F64
    reason: I64


class ShadowBook:
    """Trade every candidate in its own shadow account, block by block.

    A *candidate* is a close at which a strategy wants to enter, whatever its model, its
    account or its gates say then: ENTRY ≠ 0. Its shadow trade enters at the symbol's next
    open with the stop, target, trail and time limit of that close, and leaves by them or
    by a later exit signal, exactly as the account would; fractional shares keep rounding
    out of the return. An entry whose symbol has no bar at the next instant lapses, as the
    account's does, and one that the account would refuse (short where `execution` allows
    none, closed by its own exit signal) is none: both leave no label.

    Parameters
    ----------
    n_symbols : int
        Columns of every panel.
    limit : int
        Most bars that a shadow trade may live: the largest time limit to come.
    execution : Execution
        Costs and rules of a fill.

    Raises
    ------
    BadValue
        `n_symbols` or `limit` below 1.

    Examples
    --------
    >>> from research.data import load_sample, to_panel
    >>> panel = to_panel(load_sample(["IBM"]))[:100]
    >>> signals = np.full((sg.N_SIGNALS, 1, 100), np.nan)
    >>> signals[[sg.ENTRY, sg.EXIT, sg.GATE]] = 0.0
    >>> signals[sg.ENTRY, 0, [10, 12]], signals[sg.LIMIT] = 1.0, 5.0
    >>> book = ShadowBook(1, 20, Execution())
    >>> labels = book.advance(panel, signals)
    >>> labels.birth.tolist(), labels.t_end.tolist()
    ([10, 12], [16, 18])
    """

    def __init__(self, n_symbols: int, limit: int, execution: Execution) -> None:
        counts: dict[str, object] = {"n_symbols": n_symbols, "limit": limit}
        for name, value in counts.items():
            if not (isinstance(value, (int, np.integer)) and value >= 1):
                raise BadValue(f"`{name}` must be a whole number ≥ 1, was {value!r}; give a count")
        self.n_symbols, self.limit = int(n_symbols), int(limit)
        self.execution = replace(execution, fractional=True)
        self._blank = new_account(1, _CAPITAL)
        shape = n_symbols, limit + 2
        self._lanes = Account(*(np.tile(a, (*shape, *[1] * a.ndim)) for a in self._blank))
        self._birth = np.full(shape, -1, dtype=np.int64)
        self._cost = np.zeros(shape)
        self._own = np.zeros(n_symbols, dtype=np.int64)
        self._bars = np.zeros(1, dtype=np.int64)

    @property
    def bars(self) -> int:
        """Bars seen so far: the index of the next one."""
        return int(self._bars[0])

    @property
    def open_trades(self) -> int:
        """Candidates whose labels are still to come."""
        return int(np.count_nonzero(self._birth >= 0))

    def advance(self, panel: Panel, signals: F64) -> Matured:
        """Take the next bars and return the labels that were settled in them.

        Parameters
        ----------
        panel : Panel
            T bars of the N symbols, following those before.
        signals : (N_SIGNALS, N, T) float64
            At the close of each bar. GATE and WEIGHT are not read: every candidate trades
            the same fraction of its own account.

        Returns
        -------
        Matured
            Any split of the bars into blocks gives the same labels, to the bit.

        Raises
        ------
        BadValue
            Shapes that do not fit, or a candidate without a time limit or with a longer
            one than `limit`; nothing has been changed then.
        """
        n, t = self.n_symbols, len(panel)
        if panel.close.shape[1] != n or signals.shape != (sg.N_SIGNALS, n, t):
            raise BadValue(
                f"a block must hold {n} symbols and signals ({sg.N_SIGNALS}, {n}, {t}), was "
                f"{panel.close.shape[1]} symbols and {signals.shape}; give the signals of this very panel"
            )
        side = np.where(np.isnan(panel.close.T), 0.0, signals[sg.ENTRY])
        self._require_limits(panel, side, signals[sg.LIMIT])
        wanted = np.ascontiguousarray(signals.transpose(1, 0, 2))[:, :, None, :].copy()
        wanted[:, [sg.ENTRY, sg.GATE]] = 0.0
        wanted[:, sg.WEIGHT] = _WEIGHT
        fields = (panel.open, panel.high, panel.low, panel.close, panel.split, panel.dividend)
        o, h, lo, c, split, dividend = (np.ascontiguousarray(a.T).reshape(n, 1, t) for a in fields)
        most = self.open_trades + int(np.count_nonzero(side))
        rows, net = np.empty((4, most), dtype=np.int64), np.empty(most)
        count = shadow_nb(
            self._lanes, self._birth, self._cost, self._own, self._blank, self.bars,
            o, h, lo, c, split, dividend, wanted, side, self.execution.as_array(), rows, net,
        )  # fmt: skip
        self._bars += t
        rows, net = rows[:, :count], net[:count]
        order = np.lexsort((rows[2], rows[1], rows[0]))
        t_end, symbol, birth, reason = (row[order] for row in rows)
        return Matured(t_end, symbol, birth, net[order], reason)

    def _require_limits(self, panel: Panel, side: F64, limits: F64) -> None:
        """Refuse candidates that could outlive their lane."""
        bad = ((side > 0.0) | (side < 0.0)) & ~(limits <= self.limit)
        if not bad.any():
            return
        i = int(np.argmax(bad.any(axis=0)))
        k = int(np.argmax(bad[:, i]))
        raise BadValue(
            f"the time limit of a candidate must be ≤ {self.limit} bars, was {limits[k, i]} for "
            f"{panel.symbols[k]} at {panel.bar_close[i]} ({np.count_nonzero(bad)} such); "
            "set the strategy's `time_limit`, or a larger `limit` here"
        )

    def state(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """Return copies of everything carried between blocks, as plain arrays."""
        return {name: array.copy() for name, array in self._arrays().items()}

    def load(self, state: Mapping[str, NDArray[np.float64] | NDArray[np.int64]]) -> None:
        """Continue from what `state` returned.

        Raises
        ------
        SnapshotMismatch
            Other arrays than this book's: other names, shapes or types.
        """
        mine = self._arrays()
        for name in sorted(mine.keys() | state.keys()):
            was = _described(state.get(name))
            if was != (needed := _described(mine.get(name))):
                raise SnapshotMismatch(
                    f"`{name}` of the shadow trades must be {needed}, was {was}; "
                    "give the state of a book with as many symbols and the same limit"
                )
        for name, array in mine.items():
            array[...] = state[name]

    def _arrays(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        return {
            **self._lanes._asdict(),
            "birth": self._birth,
            "cost": self._cost,
            "own": self._own,
            "bars": self._bars,
        }


def _described(array: NDArray[np.float64] | NDArray[np.int64] | None) -> str:
    return "missing" if array is None else f"{array.dtype} {array.shape}"
