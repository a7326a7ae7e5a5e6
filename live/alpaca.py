"""An account at Alpaca: what is asked of it, and what is sent to it.

In: questions, and orders as JSON. Out: records read tolerantly (`live.payloads`), and for what was sent a
`Said`: ACCEPTED, REJECTED or UNKNOWN.

Reading
    is asked again, a little later, until an answer comes or patience ends: then `Unreachable`.
Writing
    is sent once. Only a definite refusal is REJECTED, only a readable answer about this very order is
    ACCEPTED; all else is UNKNOWN, to be asked for by its id. An id that the broker has already is looked
    up and compared field by field: the same order was accepted before, another is a conflict.

Every request is counted against our own rate limit; the last of it is kept for cancels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from live.line import Line
from live.orders import Outcome
from live.payloads import (
    BrokerOrder,
    BrokerPosition,
    amount_of,
    instant_of,
    order_of,
    orders_of,
    positions_of,
)
from live.talk import Reply
from research.errors import OnepathError, Unreachable

__all__ = ["AlpacaAccount", "BrokerClock", "OrderConflict", "Said"]

_PAGE: Final = 500  # orders that one answer can list
_AMOUNTS: Final = {"qty": "quantity", "limit_price": "limit", "stop_price": "stop"}
_WORDS: Final = {"symbol": "symbol", "type": "kind", "time_in_force": "time_in_force"}


class OrderConflict(OnepathError):
    """The broker holds another order under an id of ours: somebody else mints them, or we did."""


@dataclass(frozen=True, slots=True)
class Said:
    """What became of something sent.

    Attributes
    ----------
    outcome : Outcome
    order : BrokerOrder or None
        As the broker answered; None where it did not.
    problem : str
        Why it is not ACCEPTED; "" if it is.
    """

    outcome: Outcome
    order: BrokerOrder | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class BrokerClock:
    """The broker's clock: now, whether the market is open, the next open and close; UTC."""

    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


class AlpacaAccount:
    """One account.

    Parameters
    ----------
    line : Line
        To the trading host.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    def beats(self, beat: Callable[[], None]) -> None:
        """Let something be called before each request, in the caller's thread."""
        self._line.beat = beat

    def _mapping(self, what: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise Unreachable(f"the broker's answer about the {what} cannot be read; {self._line.remedy}")
        return value

    def _listed(self, what: str, value: object) -> list[Any]:
        # Never "none" for an answer that was not a list: an empty one means that nothing is held.
        if not isinstance(value, list):
            raise Unreachable(f"the broker's list of {what} cannot be read; {self._line.remedy}")
        return value

    # --- reading -------------------------------------------------------------------------------

    def account(self) -> Mapping[str, Any]:
        """Return the account as the broker tells of it; its fields are text, or missing."""
        return self._mapping("account", self._line.read("/account"))

    def clock(self) -> BrokerClock:
        """Return the broker's clock.

        Raises
        ------
        Unreachable
            An answer without these four; without them nobody knows whether the market is open.
        """
        told = self._mapping("clock", self._line.read("/clock"))
        now, begin, end = (instant_of(told.get(name)) for name in ("timestamp", "next_open", "next_close"))
        is_open = told.get("is_open")
        if now is None or begin is None or end is None or not isinstance(is_open, bool):
            raise Unreachable("the broker's clock cannot be read; nothing is entered until it can")
        return BrokerClock(now, is_open, begin, end)

    def calendar(self, first: date, last: date) -> list[Mapping[str, Any]]:
        """Return the sessions from a day to a day: date, open and close as Eastern wall time."""
        span = {"start": first.isoformat(), "end": last.isoformat()}
        rows = self._listed("calendar", self._line.read("/calendar", span))
        return [self._mapping("session", row) for row in rows]

    def asset(self, symbol: str) -> Mapping[str, Any] | None:
        """Return what the broker says of a symbol; None if it does not know it."""
        found = self._line.read(f"/assets/{quote(symbol, safe='')}")
        return None if found is None else self._mapping("asset", found)

    def positions(self) -> tuple[BrokerPosition, ...]:
        """Return what is held."""
        return positions_of(self._listed("positions", self._line.read("/positions")))

    def open_orders(self, *, whole: bool = True) -> tuple[BrokerOrder, ...]:
        """Return all orders that may still fill, legs inside the orders they belong to.

        Parameters
        ----------
        whole : bool
            Refuse a list that may be cut; else take what it has, as who cancels them does.

        Raises
        ------
        Unreachable
            More than one answer can list: which are missing is not known.
        """
        query = {"status": "open", "limit": _PAGE, "nested": "true"}
        rows = self._listed("orders", self._line.read("/orders", query))
        if whole and len(rows) >= _PAGE:
            raise Unreachable(
                f"{_PAGE} open orders or more, of which the rest is not listed; cancel some by hand"
            )
        return orders_of(rows)

    def order(self, client_id: str) -> BrokerOrder | None:
        """Return the order that we sent under an id; None if the broker definitely has none.

        Raises
        ------
        Unreachable
            The answer is about no order, or about another one.
        """
        found = self._line.read("/orders:by_client_order_id", {"client_order_id": client_id})
        if found is None:
            return None
        order = order_of(found)
        if order.client_id != client_id:
            raise Unreachable(f"asked for order {client_id}, the broker told of {order.client_id or 'none'}")
        return order

    # --- writing -------------------------------------------------------------------------------

    def submit(self, fields: Mapping[str, object]) -> Said:
        """Send an order, once.

        Parameters
        ----------
        fields : mapping
            Its JSON: `client_order_id`, symbol, side, qty, type, time_in_force, and what these need.

        Raises
        ------
        OrderConflict
            The broker has another order under this id.
        KeysRefused
            The credentials are not taken; the order was not placed.
        """
        client_id = str(fields["client_order_id"])
        reply = self._line.write("POST", "/orders", fields)
        if reply.status == 422:
            # It may say that the id is taken: then an order of ours has arrived before.
            return self._known(client_id, fields, reply)
        return self._said(reply, client_id)

    def cancel(self, broker_id: str) -> Said:
        """Ask for an order's end, once; that it has ended is known from the order alone."""
        reply = self._line.write("DELETE", f"/orders/{quote(broker_id, safe='')}", None, urgent=True)
        return Said(Outcome.ACCEPTED) if reply.good else _unanswered(reply)

    # -------------------------------------------------------------------------------------------

    def _said(self, reply: Reply, client_id: str) -> Said:
        if not reply.good:
            return _unanswered(reply)
        order = order_of(reply.body)
        if not order.id or order.client_id != client_id:
            told = f"the answer tells of {order.client_id or 'no order'}"
            return Said(Outcome.UNKNOWN, None, f"{told}, not of {client_id}")
        return Said(Outcome.ACCEPTED, order)

    def _known(self, client_id: str, fields: Mapping[str, object], reply: Reply) -> Said:
        """Say what a refusal means that may be of an order which is there already."""
        try:
            order = self.order(client_id)
        except Unreachable as problem:
            return Said(Outcome.UNKNOWN, None, f"{reply.problem}; {problem}")
        if order is None:
            return Said(Outcome.REJECTED, None, reply.problem)
        differs = _differences(fields, order)
        if differs:
            raise OrderConflict(
                f"the broker has another order under {client_id} ({'; '.join(differs)}); nothing was sent, "
                "see who else trades this account"
            )
        return Said(Outcome.ACCEPTED, order)


def _unanswered(reply: Reply) -> Said:
    """Return what a reply that is not good says of something sent."""
    return Said(Outcome.REJECTED if reply.refused else Outcome.UNKNOWN, None, reply.problem)


def _differences(fields: Mapping[str, object], order: BrokerOrder) -> list[str]:
    """Return in which of the fields that were sent an order is another one."""
    pairs: list[tuple[str, object, object]] = []
    pairs += [
        (name, amount_of(fields[name]), getattr(order, own))
        for name, own in _AMOUNTS.items()
        if name in fields
    ]
    pairs += [
        (name, str(fields[name]).casefold(), str(getattr(order, own)).casefold())
        for name, own in _WORDS.items()
        if name in fields
    ]
    if "side" in fields:
        pairs.append(("side", 1 if fields["side"] == "buy" else -1, order.side))
    return [
        f"{name}: ours {_shown(ours)}, theirs {_shown(theirs)}"
        for name, ours, theirs in pairs
        if ours != theirs
    ]


def _shown(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
