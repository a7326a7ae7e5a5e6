"""Where orders are executed: what the runner asks of a broker, and the simulated one.

In: orders as the journal has them, and bars. Out: what was said to an order, and
what happened in a bar. The runner knows no other difference between a replay and
real money than the object of this protocol that it was given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from live.orders import Order, Outcome
from research.kernels.account import N_INTENT, Account, empty_orders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from live.journal import Write
    from research.data.panel import Panel
    from research.execution import Execution

__all__ = ["NOT_FILLED", "Broker", "SimulatedBroker"]

NOT_FILLED = 190.0  # beside the account's own gates: a broker did not fill an entry


class Broker(Protocol):
    """What the runner asks of a broker."""

    @property
    def prefix(self) -> str:
        """How its orders' ids begin: they say where a trade came from."""
        ...

    @property
    def bars_per_commit(self) -> int:
        """How many bars may share a transaction: 1 wherever an order can be real."""
        ...

    def send(self, order: Order) -> Outcome:
        """Make the broker hold `order` as it stands: place it, replace it or cancel it, by its status.

        Called after the order is on disk, and again after a restart if its outcome
        is not: the id makes the second time harmless.
        """
        ...

    def fill(self, bar: Panel, account: Account, execution: Execution) -> NDArray[np.float64]:
        """Carry the account through one bar by what happened at the broker.

        Parameters
        ----------
        bar : Panel
            Of one bar.
        account : Account
            Changed in place to what the broker holds at the close.
        execution : Execution

        Returns
        -------
        (M, N_ORDER) float64
            The fills, columns `research.kernels.account.O_*`.
        """
        ...

    def booked(self, bar: int) -> Sequence[Write]:
        """Return what the journal must hold, with a bar's own rows, of the fills that it was told."""
        ...


class SimulatedBroker:
    """Fill at the bars themselves, by the very function that the backtest's scan loops over.

    It keeps nothing: what waits for the next open is in the account, so the
    engine's snapshot is this broker's snapshot too.

    Parameters
    ----------
    bars_per_commit : int, default 20
        Bars that share a transaction: nothing real is lost with them, and they come
        out the same again.
    """

    prefix: ClassVar[str] = "BT-"

    def __init__(self, bars_per_commit: int = 20) -> None:
        self.bars_per_commit = bars_per_commit

    def send(self, order: Order) -> Outcome:
        """Accept: the account already holds every order that the journal has."""
        return Outcome.ACCEPTED

    def booked(self, bar: int) -> Sequence[Write]:
        """Nothing: its fills come out of the bars again."""
        return ()

    def fill(self, bar: Panel, account: Account, execution: Execution) -> NDArray[np.float64]:
        """Execute what waited for this bar's open, then its stops and targets."""
        from research.kernels.scan import scan_nb
        from research.kernels.signals import N_SIGNALS

        # The backtest's own scan over one bar in which nothing is wished for: the engine decides afterwards.
        n = len(bar.symbols)
        wishes = np.zeros((N_SIGNALS, n, 1))
        orders, unread = empty_orders(1, n), np.empty(0)
        prices = (bar.open, bar.high, bar.low, bar.close, bar.split, bar.dividend)
        o, h, lo, c, split, dividend = (np.ascontiguousarray(values.T) for values in prices)
        count = scan_nb(
            account, o, h, lo, c, split, dividend, wishes, execution.as_array(), 0,
            orders, unread, unread, unread, np.empty((n, 0, N_INTENT)), np.empty((n, 0)),
        )  # fmt: skip
        return orders[:count].copy()
