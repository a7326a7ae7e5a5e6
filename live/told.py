"""A real broker as the engine sees it: in each bar, the fills that it told of since the one before.

In: executions that reconciliation has written down (`live.tracks`). Out: the account after the bar, and its
fills. Nothing is asked of the network here and nothing is sent: what the strategy wants is sent by
`live.desk` in its own time, so `send` says that it is not known yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from live.orders import Order, Outcome, Status
from live.risk_context import Purpose
from live.rows import utc_of
from research.kernels import account as ac

if TYPE_CHECKING:
    from live.journal import Write
    from live.tracks import Done, Track, Tracks
    from research.data.panel import Panel
    from research.execution import Execution

__all__ = ["ToldBroker"]


class ToldBroker:
    """The broker of a live run.

    Parameters
    ----------
    prefix : str
        "PP-" or "LV-".
    tracks : Tracks
    """

    bars_per_commit = 1

    def __init__(self, prefix: str, tracks: Tracks) -> None:
        self.prefix, self.tracks = prefix, tracks
        self._until = datetime.min.replace(tzinfo=UTC)
        self._splits: dict[str, float] = {}

    def send(self, order: Order) -> Outcome:
        """Leave it to the desk; what only closes the journal's own page needs nobody."""
        return Outcome.UNKNOWN if order.status is Status.NEW else Outcome.ACCEPTED

    def booked(self, bar: int) -> Sequence[Write]:
        """Return what marks the executions of this bar as booked, and its splits as taken."""
        writes = self.tracks.booking(bar, self._until), self.tracks.splits.taking(bar, self._splits)
        self.tracks.booked(self._until)
        return writes

    def fill(self, bar: Panel, account: ac.Account, execution: Execution) -> NDArray[np.float64]:
        """Carry the account through one bar by what was executed up to its close."""
        from live.booking import book_nb

        self._until = utc_of(bar.bar_close[0])
        self._splits = {s: float(r) for s, r in zip(bar.symbols, bar.split[0], strict=True) if r != 1.0}
        orders = np.zeros((2 * len(bar.symbols) + 1, ac.N_ORDER))
        told = self._told(bar.symbols, account)
        prices = (bar.open, bar.high, bar.low, bar.close, bar.split, bar.dividend)
        o, h, lo, c, split, dividend = (np.ascontiguousarray(values[0]) for values in prices)
        count = book_nb(account, o, h, lo, c, split, dividend, told, execution.as_array(), orders)
        return orders[:count].copy()

    def _told(self, symbols: Sequence[str], account: ac.Account) -> NDArray[np.float64]:
        """Return the executions per symbol, as `live.booking` reads them."""
        from live import booking as bk

        told = np.zeros((len(symbols), bk.N_TOLD))
        by_column: dict[tuple[int, int], list[Done]] = {}
        for done in self.tracks.until(self._until):
            if done.symbol not in symbols:
                continue  # nobody's here: reconciliation has told of it
            k = list(symbols).index(done.symbol)
            column, reason = self._column(done, account, k)
            by_column.setdefault((k, column), []).append(done)
            if reason:
                told[k, bk.T_CLOSED_REASON] = reason
        for (k, column), all_done in by_column.items():
            signed = float(sum(d.side * d.quantity for d in all_done))
            both = column != bk.T_CLOSED and len({d.side for d in all_done}) > 1
            shares, price = _average(_netted(all_done, account) if both else all_done)
            told[k, column] = float(shares) if column == bk.T_CLOSED else signed
            told[k, bk.T_CLOSED_PRICE if column == bk.T_CLOSED else column + 1] = float(price)
        return told

    def _column(self, done: Done, account: ac.Account, k: int) -> tuple[int, float]:
        """Return where an execution is written, and the reason of a closing."""
        from live import booking as bk

        track = self.tracks.orders.get(done.client_id)
        closes = account.positions[k, ac.P_QTY] * done.side < 0.0
        if track is None or track.purpose is Purpose.FLATTEN:
            return bk.T_ADOPTED, 0.0
        if track.purpose is Purpose.ENTER:
            return (bk.T_ENTERED if self._awaited(track, account, k) else bk.T_ADOPTED), 0.0
        # Protection may close, in the entry's own bar, what the account does not hold yet.
        entering = account.pending[k, ac.Q_QTY] * done.side < 0.0
        if not (closes or entering):
            return bk.T_ADOPTED, 0.0
        if track.purpose is Purpose.EXIT:
            # Of an exit that nobody waits for any more the shares are taken over, as of nobody's order.
            waits = account.pending[k, ac.Q_EXIT] != 0.0
            return (bk.T_CLOSED, ac.SIGNAL) if waits else (bk.T_ADOPTED, 0.0)
        aimed = track.kind == "limit"
        level = account.positions[k, ac.P_TARGET if aimed else ac.P_PROTECT]
        if closes and math.isnan(level):
            return bk.T_ADOPTED, 0.0
        return bk.T_CLOSED, ac.TARGET if aimed else ac.STOP

    def _awaited(self, track: Track, account: ac.Account, k: int) -> bool:
        """Say whether no other entry waits than that which an order was sent for, which may have lapsed."""
        if account.pending[k, ac.Q_QTY] == 0.0:
            return True
        rows = self.tracks.journal.rows("SELECT bar FROM orders WHERE id = ?", track.order_id)
        return not rows or bool(rows[0][0] == account.pending[k, ac.Q_DECIDED])


def _netted(done: Sequence[Done], account: ac.Account) -> Sequence[Done]:
    """Return the executions of the side of which more was done; what both cost beyond the net is paid here.

    Shares that came and went within the bar leave none to book, but not the cash that they cost.
    """
    net = sum((d.side * d.quantity for d in done), Decimal(0))
    side = 1 if net >= 0 else -1
    kept = [d for d in done if d.side == side]
    cost = sum((d.side * d.quantity * d.price for d in done), Decimal(0))
    account.totals[ac.A_CASH] -= float(cost - net * _average(kept)[1])
    return kept


def _average(done: Sequence[Done]) -> tuple[Decimal, Decimal]:
    """Return the shares of executions and their average price; of one, the price to the digit."""
    if len({d.price for d in done}) == 1:
        return sum((d.quantity for d in done), Decimal(0)), done[0].price
    shares = sum((d.quantity for d in done), Decimal(0))
    return shares, sum((d.quantity * d.price for d in done), Decimal(0)) / shares
