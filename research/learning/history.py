"""What a learner remembers of the past: feature rows by symbol and bar, and the labels that settled.

In: blocks of features, settled labels. Out: model inputs for any rows in memory, and the rows that a
fit may use at a given bar: settled by then, not older than the training window, thinned where there
are more than asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from research.errors import DataError
from research.learning.labels import Matured, sample_weights

__all__ = ["History", "Rows"]

I64 = NDArray[np.int64]


class Rows(NamedTuple):
    """Settled rows that a fit may use.

    Attributes
    ----------
    symbol, birth, t_end : (R,) int64
    y, net, weight : (R,) float64
        Label, net return, average uniqueness × |net| with mean 1; 0 where every net return is.
    """

    symbol: I64
    birth: I64
    t_end: I64
    y: NDArray[np.float64]
    net: NDArray[np.float64]
    weight: NDArray[np.float64]

    def require_classes(self) -> None:
        """Refuse labels that cannot be learned from: none, or one class only, with `DataError`."""
        remedy = "bring more bars, or set another stop, target or time limit"
        if self.y.size == 0:
            raise DataError(f"a fit needs settled labels and none lies in its window; {remedy}")
        if self.y.min() == self.y.max():
            won = "wins" if self.y[0] else "losses"
            raise DataError(f"a fit needs wins and losses and all {self.y.size} labels are {won}; {remedy}")


class History:
    """Feature rows and settled labels of the last bars.

    Parameters
    ----------
    n_symbols, n_features : int
    keep : int
        Bars to keep between blocks.

    Attributes
    ----------
    first : int
        Bar number of the oldest row.
    """

    def __init__(self, n_symbols: int, n_features: int, keep: int) -> None:
        self.keep = keep
        self.first = 0
        # Rows stand at `_begin` … `_end` of a longer array, so that a bar is written and not all of them.
        self._room: NDArray[np.float32] = np.empty((n_symbols, 0, n_features), np.float32)
        self._begin = self._end = 0
        self._symbol: I64 = np.empty(0, np.int64)
        self._birth: I64 = np.empty(0, np.int64)
        self._t_end: I64 = np.empty(0, np.int64)
        self._net: NDArray[np.float64] = np.empty(0)

    def __len__(self) -> int:
        return self._end - self._begin

    @property
    def _x(self) -> NDArray[np.float32]:
        return self._room[:, self._begin : self._end]

    @property
    def last(self) -> int:
        """Bar number of the newest row."""
        return self.first + len(self) - 1

    def append(self, features: NDArray[np.float64], labels: Matured) -> None:
        """Add a block, and forget what is older than `keep` bars before it.

        Parameters
        ----------
        features : (K, N, B) float64
            Beyond float32 (3.4e38, where no sound price brings a scale-free feature) undefined, as NaN is.
        labels : Matured
            Those that settled in the block.
        """
        drop = max(0, len(self) - self.keep)
        self.first += drop
        self._begin += drop
        size = features.shape[2]
        if self._end + size > self._room.shape[1]:
            self._move(len(self) + size)
        room = self._room[:, self._end : self._end + size]
        with np.errstate(over="ignore"):
            room[...] = features.transpose(1, 2, 0)
        room[np.isinf(room)] = np.nan
        self._end += size
        held = self._birth >= self.first
        self._symbol = np.concatenate((self._symbol[held], labels.symbol))
        self._birth = np.concatenate((self._birth[held], labels.birth))
        self._t_end = np.concatenate((self._t_end[held], labels.t_end))
        self._net = np.concatenate((self._net[held], labels.net))

    def _move(self, least: int) -> None:
        """Bring the rows to the front of an array with room for `least`, and for some more bars."""
        held = self._x
        n_symbols, count, n_features = held.shape
        self._room = np.empty((n_symbols, least + self.keep // 4, n_features), np.float32)
        self._room[:, :count] = held
        self._begin, self._end = 0, count

    def inputs(self, symbol: I64, bar: I64, sequence: int) -> NDArray[np.float32]:
        """Return what a learner reads of some rows.

        Parameters
        ----------
        symbol, bar : (R,) int64
        sequence : int
            Bars up to and including the row's own.

        Returns
        -------
        (R, sequence, K) float32
            NaN where a bar is missing, or older than what is kept.
        """
        at = bar[:, None] - self.first + np.arange(1 - sequence, 1)
        found: NDArray[np.float32] = self._x[symbol[:, None], np.maximum(at, 0)]
        if (at < 0).any():
            found[at < 0] = np.nan
        return found

    def settled(self, bar: int, train_bars: int, max_rows: int, after: int = -1) -> Rows:
        """Return the rows that may train at the close of `bar`.

        Parameters
        ----------
        bar : int
            Labels that settle later are not returned, whatever is in memory.
        train_bars : int
            Oldest row: this many bars before `bar`.
        max_rows : int
            Of more rows, every n-th bar's, counted back from `bar`.
        after : int
            Only labels that settled later than at this bar: what a model of that bar has not seen.

        Returns
        -------
        Rows
            By bar, then symbol.
        """
        oldest = max(bar - train_bars, self.first)
        may = (self._t_end <= bar) & (self._birth >= oldest) & (self._t_end > after)
        step = max(1, -(-int(may.sum()) // max_rows))
        may &= (bar - self._birth) % step == 0
        picked = np.flatnonzero(may)
        order = picked[np.lexsort((self._symbol[picked], self._birth[picked]))]
        symbol, birth, t_end = (x[order] for x in (self._symbol, self._birth, self._t_end))
        net = self._net[order]
        # Trades that all came out even have no weight, and are for the fit to refuse.
        weight = sample_weights(symbol, birth, t_end, net) if net.any() else np.zeros(order.size)
        return Rows(symbol, birth, t_end, (net > 0.0).astype(np.float64), net, weight)

    def state(self) -> dict[str, NDArray[np.float32] | NDArray[np.float64] | I64]:
        """Return what the next block needs."""
        drop = max(0, len(self) - self.keep)
        held = self._birth >= self.first + drop
        return {
            "first": np.array([self.first + drop]),
            "x": self._x[:, drop:],
            "symbol": self._symbol[held],
            "birth": self._birth[held],
            "t_end": self._t_end[held],
            "net": self._net[held],
        }

    def load(self, state: dict[str, NDArray[np.float64]]) -> None:
        """Take up a state."""
        self.first = int(state["first"][0])
        self._room = state["x"].astype(np.float32)
        self._begin, self._end = 0, self._room.shape[1]
        self._symbol, self._birth, self._t_end = (
            state[name].astype(np.int64) for name in ("symbol", "birth", "t_end")
        )
        self._net = state["net"].astype(np.float64)
