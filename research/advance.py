"""What a block of bars brought: intents for the next open, and everything they came from.

In: nothing; the engine makes these. Out: records of arrays, in the axes of the
kernels, that backtest, export, replay and live read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from research.data.panel import Panel
from research.kernels import account as ac

if TYPE_CHECKING:
    from research.learning.spoken import Spoken

__all__ = ["Advance", "Intent"]

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Intent:
    """What the account should do with one symbol at the next open.

    Attributes
    ----------
    symbol : str
    bar_close : numpy.datetime64
        The close at which it was decided.
    side : int
        +1 buys, -1 sells.
    quantity : float
        Raw shares.
    reason : str
        "entry", "signal" or "time".
    stop, target, trail : float
        Of an entry: fractions of the price it will fill at; NaN is none.
    limit : float
        Of an entry: bars after which it is closed; NaN is none.
    """

    symbol: str
    bar_close: np.datetime64
    side: int
    quantity: float
    reason: str
    stop: float
    target: float
    trail: float
    limit: float


@dataclass(frozen=True)
class Advance:
    """What one block of T bars of N symbols brought; iterates over its intents.

    Attributes
    ----------
    panel : Panel
        The block.
    names : tuple of str, length K
        What was read: the strategy's features and, where it has a model, the rows that the model gave
        (`research.learning.spoken`).
    features : (K, N, T) float64
    signals : (S, N, T) float64
        Rows of `research.kernels.signals`.
    gates : (N, T) float64
        What blocked an entry: 0, a strategy's gate, or an account gate from 100 up.
    decided : (N, T, I) float64
        Columns of `research.kernels.account`, I_*.
    orders : (M, O) float64
        Fills of the block, columns O_*; O_BAR counts from the engine's first bar.
    equity, cash, exposure : (T,) float64
        At each close.
    spoken : Spoken, optional
        What the learner did, where the strategy has a model.
    """

    panel: Panel
    names: tuple[str, ...]
    features: F64
    signals: F64
    gates: F64
    decided: F64
    orders: F64
    equity: F64
    cash: F64
    exposure: F64
    spoken: Spoken | None = None

    def __iter__(self) -> Iterator[Intent]:
        for t, n in np.argwhere(self.decided[:, :, ac.I_SIDE].T != 0.0):
            row = self.decided[n, t]
            yield Intent(
                symbol=self.panel.symbols[n],
                bar_close=self.panel.bar_close[t],
                side=int(row[ac.I_SIDE]),
                quantity=float(row[ac.I_QTY]),
                reason=ac.REASON_NAMES[int(row[ac.I_REASON])],
                stop=float(row[ac.I_STOP]),
                target=float(row[ac.I_TARGET]),
                trail=float(row[ac.I_TRAIL]),
                limit=float(row[ac.I_LIMIT]),
            )

    def __len__(self) -> int:
        return int(np.count_nonzero(self.decided[:, :, ac.I_SIDE]))
