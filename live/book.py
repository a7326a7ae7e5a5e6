"""The open orders of a run, and what a bar makes of them.

In: what a bar decided and filled, and the account after it. Out: every order that
the bar opened, changed or closed. The account is the truth: protection is what it
says is in force, an exit waits as long as it waits there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from live.broker import NOT_FILLED
from live.orders import LEG_OF_REASON, OPEN, Leg, Order, Status, is_blocked, mint
from research.kernels import account as ac

if TYPE_CHECKING:
    from research.advance import Advance

__all__ = ["Book"]


class Book:
    """The open orders of one strategy at one broker.

    Parameters
    ----------
    prefix : str
        The broker's.
    strategy : str
    open_orders : iterable of Order
        As the journal left them.
    """

    def __init__(self, prefix: str, strategy: str, open_orders: Iterable[Order] = ()) -> None:
        self.prefix, self.strategy = prefix, strategy
        self._open = {order.id: order for order in open_orders}

    def open(self) -> list[Order]:
        """Return the open orders, in the order in which they were decided."""
        return list(self._open.values())

    def get(self, name: str) -> Order | None:
        """Return the open order of an id."""
        return self._open.get(name)

    def id_of(self, symbol: str, bar_close: np.datetime64, leg: Leg) -> str:
        """Return the id that an order has or would have."""
        return mint(self.prefix, self.strategy, symbol, bar_close, leg)

    def filled_by(self, symbol: str, decided: int, reason: str) -> Order:
        """Return the open order that a fill belongs to.

        Raises
        ------
        KeyError
            No such order: something was executed that nobody asked for.
        """
        leg = LEG_OF_REASON[reason]
        for order in self._open.values():
            if order.symbol == symbol and order.bar == decided and order.leg == leg:
                return order
        raise KeyError(f"no open {leg} order of {symbol} was decided in bar {decided}")

    def put(self, orders: Iterable[Order]) -> None:
        """Take orders as they now stand; closed ones leave the book."""
        for order in orders:
            if order.status in OPEN:
                self._open[order.id] = order
            else:
                self._open.pop(order.id, None)

    def after(self, brought: Advance, account: ac.Account) -> list[Order]:
        """Return every order that a bar opened or changed; the book itself is not touched.

        Parameters
        ----------
        brought : Advance
            Of one bar.
        account : Account
            After that bar.
        """
        bar = int(account.totals[ac.A_BARS]) - 1
        filled = {
            self.filled_by(
                brought.panel.symbols[int(row[ac.O_SYMBOL])],
                int(row[ac.O_DECIDED]),
                ac.REASON_NAMES[int(row[ac.O_REASON])],
            ).id: row
            for row in brought.orders
        }
        column = {symbol: k for k, symbol in enumerate(brought.panel.symbols)}
        changed = []
        for order in self._open.values():
            k = column[order.symbol]
            if order.id in filled and not _in_part(order, account, k):
                now = _filled_now(order, filled[order.id])
            elif order.leg is Leg.ENTRY:
                now = replace(order, status=Status.LAPSED, sent=True, note=_why(order, brought.decided[k, 0]))
            elif order.leg is Leg.EXIT:
                now = _exit_now(order, account, k)
            else:
                now = _protection_now(order, account, k)
            if not _same(now, order):
                changed.append(now)
        return changed + self._decided(brought, bar)

    def _decided(self, brought: Advance, bar: int) -> list[Order]:
        """Return the orders that this bar's close asks for, protection beside its entry."""
        orders = []
        members = brought.panel.members(0)
        for intent in brought:
            k = brought.panel.symbols.index(intent.symbol)
            if not members[k]:
                continue  # an exit that waits on for a bar: the order exists
            leg = LEG_OF_REASON[intent.reason]
            order = Order(
                id=self.id_of(intent.symbol, intent.bar_close, leg),
                symbol=intent.symbol,
                leg=leg,
                bar=bar,
                bar_close=intent.bar_close,
                side=intent.side,
                quantity=intent.quantity,
                reason=intent.reason,
            )
            if leg is Leg.EXIT:
                orders.append(order)
                continue
            orders.append(
                replace(order, stop=intent.stop, target=intent.target, trail=intent.trail, limit=intent.limit)
            )
            stopped = not (math.isnan(intent.stop) and math.isnan(intent.trail))
            for guard, wanted in ((Leg.STOP, stopped), (Leg.TARGET, not math.isnan(intent.target))):
                if wanted:
                    orders.append(
                        replace(
                            order,
                            id=self.id_of(intent.symbol, intent.bar_close, guard),
                            leg=guard,
                            side=-intent.side,
                            reason=str(guard),
                            status=Status.HELD,
                            sent=True,
                        )
                    )
        return orders


def _same(a: Order, b: Order) -> bool:
    """Say whether two states of an order differ in nothing but NaN being unequal to itself."""
    return all(
        x == y or (isinstance(x, float) and isinstance(y, float) and math.isnan(x) and math.isnan(y))
        for x, y in zip(vars(a).values(), vars(b).values(), strict=True)
    )


def _in_part(order: Order, account: ac.Account, k: int) -> bool:
    """Say whether an order that executed shares has some left to close; a simulated broker leaves none."""
    position, waiting = account.positions[k], account.pending[k]
    if position[ac.P_QTY] == 0.0 or order.leg is Leg.ENTRY:
        return False
    if order.leg is Leg.EXIT:
        return bool(waiting[ac.Q_EXIT] != 0.0 and waiting[ac.Q_EXIT_DECIDED] == order.bar)
    return bool(position[ac.P_DECIDED] == order.bar)


def _filled_now(order: Order, row: NDArray[np.float64]) -> Order:
    """Return an order that filled; an entry says so if it was cut, protection says what it closed."""
    now = replace(order, status=Status.FILLED, sent=True, note="")  # what blocked it did so no longer
    done, asked = float(row[ac.O_QTY]), float(row[ac.O_ASKED])
    if order.leg in (Leg.STOP, Leg.TARGET):
        # Born with the shares that its entry asked for; filled in the entry bar it was never restated.
        return replace(now, quantity=done)
    if done < asked:
        return replace(now, note=f"cut to cash: {_shares(done)} of {_shares(asked)} shares")
    return now


def _shares(quantity: float) -> str:
    """Return a number of shares in full: 3910, 1234567, 0.001953125."""
    return str(int(quantity)) if quantity.is_integer() else str(quantity)


def _why(order: Order, decided: NDArray[np.float64]) -> str:
    """Return why the entry decided one bar earlier came to nothing."""
    code = int(decided[ac.I_LAPSED])
    if code == NOT_FILLED:
        if is_blocked(order.note):
            return order.note
        return "never taken by the broker" if order.status is Status.NEW else "not filled at the broker"
    return ac.GATE_NAMES.get(code, "a split left less than one share")


def _exit_now(order: Order, account: ac.Account, k: int) -> Order:
    """Return an exit that did not fill: it waits for the symbol's next bar, or nothing is left to close."""
    waits = account.pending[k, ac.Q_EXIT] != 0.0 and account.pending[k, ac.Q_EXIT_DECIDED] == order.bar
    if waits:
        return order
    return replace(order, status=Status.CANCELLED, sent=False, note="no position is left")


def _protection_now(order: Order, account: ac.Account, k: int) -> Order:
    """Return protection as the account now asks for it: quantity, level, or gone."""
    position = account.positions[k]
    if position[ac.P_QTY] == 0.0 or position[ac.P_DECIDED] != order.bar:
        told = order.status is Status.HELD  # the broker never had it
        return replace(order, status=Status.CANCELLED, sent=told, note="no position is left")
    level = float(position[ac.P_PROTECT if order.leg is Leg.STOP else ac.P_TARGET])
    now = replace(order, status=Status.WORKING, quantity=abs(float(position[ac.P_QTY])), level=level)
    return now if _same(now, order) else replace(now, sent=False)
