"""Close everything that is held, at the market, through the risk door; one step at a time.

In: the broker's orders and positions as just read. Out: closing orders, and what is still in the way.

A closing order's id comes from the instant at which the kill switch was latched, its symbol and a number that
counts attempts. So whoever closes after the same latch, a second command or one that was killed in between,
knows those sent before: it waits for them, and never sends the same twice. What became of one that was not
answered is asked for by its id; only an id that the broker still does not know after any time in which the
request could have been under way is sent again, and then as itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Protocol
from urllib.parse import urlsplit

import numpy as np

from live.account_payloads import asset_of
from live.alpaca import AlpacaAccount, OrderConflict, Said
from live.keys import Access
from live.killing import is_over
from live.orders import Leg, Outcome, mint
from live.payloads import BrokerOrder, BrokerPosition
from live.risk import Admitted, Blocked, Door
from live.risk_context import Context, Purpose, Resting, Rules, Wanted
from live.talk import DEADLINE
from research.errors import Unreachable

__all__ = ["Closing", "Send", "is_closing", "rules_for"]

ZERO: Final = Decimal(0)
_ATTEMPTS: Final = 8  # closing orders of one symbol after one latch
_REFUSALS: Final = 3


class Send(Protocol):
    """The one caller of the broker's order desk."""

    def __call__(self, account: AlpacaAccount, admitted: Admitted, fields: Mapping[str, object]) -> Said:
        """Send an order that the door has let through."""
        ...


def rules_for(access: Access, rules: Rules | None = None) -> Rules:
    """Return rules whose list of hosts has the one of this access.

    `live.keys.access` has let through nothing but the broker's own hosts and, on paper, this machine.
    """
    rules = rules or Rules()
    mode, host = _mode(access), _host(access)
    return replace(rules, hosts={**rules.hosts, mode: rules.hosts.get(mode, frozenset()) | {host}})


def _mode(access: Access) -> str:
    return "live" if access.live else "paper"


def _host(access: Access) -> str:
    return urlsplit(access.trading).hostname or ""


@dataclass
class Closing:
    """The closing of an account's positions after one latch of the kill switch.

    Parameters
    ----------
    account : AlpacaAccount
    access : Access
    since : datetime
        When the switch was latched, UTC; it names the orders.
    send : Send
    tell : callable
        Given a word and a line, of what was done.
    rules : Rules, optional
    under_way : float
        Seconds in which a request that was given up may still arrive.
    """

    account: AlpacaAccount
    access: Access
    since: datetime
    send: Send
    tell: Callable[[str, str], None]
    rules: Rules | None = None
    under_way: float = DEADLINE + 2.0
    _attempt: dict[str, int] = field(default_factory=dict, init=False)  # by symbol: its next order
    _refused: dict[str, int] = field(default_factory=dict, init=False)
    _doubt: dict[str, float] = field(default_factory=dict, init=False)  # by id: when it went unanswered
    waiting: set[str] = field(default_factory=set, init=False)  # ids of closing orders that the broker holds

    def mine(self, order: BrokerOrder) -> bool:
        """Say whether an order is one of these closing orders."""
        return is_closing(order, self.access.prefix, self.since)

    def _id(self, symbol: str, attempt: int) -> str:
        return _closing_id(self.access.prefix, symbol, self.since, attempt)

    def step(self, orders: Sequence[BrokerOrder], positions: Sequence[BrokerPosition]) -> list[str]:
        """Do what can be done now, and return what is still in the way; nothing: all is closed.

        Parameters
        ----------
        orders : sequence of BrokerOrder
            Open ones, read before the positions.
        positions : sequence of BrokerPosition
        """
        self.waiting = set()
        return [why for position in positions if (why := self._close(position, orders))]

    def _close(self, position: BrokerPosition, orders: Sequence[BrokerOrder]) -> str:
        symbol, held = position.symbol, position.quantity
        if held == 0:
            return ""
        if not symbol or held is None:
            return f"a position of {symbol or 'no symbol'} cannot be read ({'; '.join(position.faults)})"
        side = -1 if held > 0 else 1
        here = [o for o in orders if o.symbol == symbol]
        closing = [o for o in here if self.mine(o) and not is_over(o)]
        if closing:
            return self._await(closing, held, side)
        ours = [o for o in here if o.client_id.startswith(self.access.prefix)]
        if ours:
            return f"{symbol}: {held:f} shares wait for the end of {ours[0].client_id}"
        resting = _resting(here)
        if resting is None:
            return f"{symbol}: orders of somebody else rest there and cannot be read; --all cancels them"
        free = abs(held) - sum((o.remaining for o in resting if o.side == side), ZERO)
        if position.available is not None:
            free = min(free, position.available)
        if free <= 0:
            why = f"by {here[0].client_id}, which --all would cancel" if here else "for a moment longer"
            return f"{symbol}: {held:f} shares are set aside {why}"
        wanted = self._next(symbol, side, free)
        if isinstance(wanted, str):
            return wanted
        return self._send(wanted, held, resting)

    def _await(self, closing: Sequence[BrokerOrder], held: Decimal, side: int) -> str:
        """Let a closing order work, unless it would do more than close what is held now."""
        for order in closing:
            remaining = _remaining(order)
            if order.side == side and remaining is not None and remaining <= abs(held):
                self.waiting.add(order.client_id)
            else:
                said = self.account.cancel(order.id)
                self.tell("asked", f"to cancel {order.client_id}, larger than what is held: {said.outcome}")
        return f"{closing[0].symbol}: {held:f} shares are being closed by {closing[0].client_id}"

    def _next(self, symbol: str, side: int, quantity: Decimal) -> Wanted | str:
        """Return the next closing order, or why there is none yet."""
        for attempt in range(self._attempt.get(symbol, 0), _ATTEMPTS):
            self._attempt[symbol] = attempt
            client_id = self._id(symbol, attempt)
            try:
                known = self.account.order(client_id)
            except Unreachable as problem:
                return f"{symbol}: {problem}"
            if known is None:
                sent = self._doubt.get(client_id)
                if sent is not None and time.monotonic() - sent < self.under_way:
                    return f"{symbol}: {client_id} was sent without an answer, and the broker has not got it"
                return Wanted(client_id, symbol, side, quantity, Purpose.FLATTEN)
            if not is_over(known):
                self.waiting.add(client_id)
                return f"{symbol}: {client_id} is {known.status or 'of no status'}"
        return f"{symbol}: {_ATTEMPTS} closing orders have ended, and it is still held; close it by hand"

    def _send(self, wanted: Wanted, held: Decimal, resting: Sequence[Resting]) -> str:
        symbol, what = wanted.symbol, _in_words(wanted)
        if self._refused.get(symbol, 0) >= _REFUSALS:
            return f"{symbol}: the broker has refused {_REFUSALS} times to {what}; close it by hand"
        try:
            context = self._context(wanted, held, resting)
        except Unreachable as problem:
            return f"{symbol}: {problem}"
        said = Door(rules_for(self.access, self.rules)).check(wanted, context)
        if isinstance(said, Blocked):
            return f"{symbol}: {said}"
        try:
            answer = self.send(self.account, said, _body(wanted))
        except OrderConflict as problem:  # an order of an earlier look arrived late: it is asked for next
            return f"{symbol}: {problem}"
        if answer.outcome is Outcome.REJECTED:
            self._refused[symbol] = self._refused.get(symbol, 0) + 1
            return f"{symbol}: refused to {what}: {answer.problem}"
        if answer.outcome is Outcome.UNKNOWN:
            self._doubt[wanted.client_id] = time.monotonic()
            self.tell("doubt", f"{wanted.client_id}, to {what}, was sent without an answer")
            return f"{symbol}: {wanted.client_id} was sent without an answer ({answer.problem})"
        self.tell("sent", f"{wanted.client_id}: {what} at the market")
        return f"{symbol}: {wanted.client_id} was sent"

    def _context(self, wanted: Wanted, held: Decimal, resting: Sequence[Resting]) -> Context:
        """Return the world as it concerns a closing order."""
        symbol = wanted.symbol
        # Only a fraction of a share asks what the broker lets one do with the symbol.
        fraction = wanted.quantity % 1 != 0
        return Context(
            now=datetime.now(UTC),
            mode=_mode(self.access),
            host=_host(self.access),
            prefix=self.access.prefix,
            positions={symbol: held},
            resting=resting,
            assets={symbol: asset_of(self.account.asset(symbol))} if fraction else {},
            used_ids={self._id(symbol, n) for n in range(self._attempt.get(symbol, 0))},
            killed=True,
        )


def is_closing(order: BrokerOrder, prefix: str, since: datetime) -> bool:
    """Say whether an order closes a position after the latch of an instant."""
    return order.client_id in {_closing_id(prefix, order.symbol, since, n) for n in range(_ATTEMPTS)}


def _closing_id(prefix: str, symbol: str, since: datetime, attempt: int) -> str:
    instant = np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us")
    return mint(prefix, f"kill {attempt}", symbol, instant, Leg.FLATTEN)


def _in_words(wanted: Wanted) -> str:
    return f"{'buy' if wanted.side > 0 else 'sell'} {wanted.quantity:f} {wanted.symbol}"


def _body(wanted: Wanted) -> dict[str, object]:
    return {
        "client_order_id": wanted.client_id,
        "symbol": wanted.symbol,
        "side": "buy" if wanted.side > 0 else "sell",
        "qty": f"{wanted.quantity:f}",
        "type": "market",
        "time_in_force": wanted.time_in_force,
    }


def _remaining(order: BrokerOrder) -> Decimal | None:
    """Return the shares that an order may still execute; None if that was not said."""
    return None if order.quantity is None else max(order.quantity - (order.filled or ZERO), ZERO)


def _resting(orders: Sequence[BrokerOrder]) -> list[Resting] | None:
    """Return open orders as the door counts them; None if one of them cannot be counted.

    Legs stand for the shares of the order that they belong to, and for each other's: one of them counts.
    """
    found = []
    for order in orders:
        working = order if not is_over(order) else next((x for x in order.legs if not is_over(x)), None)
        if working is None:
            continue
        remaining = _remaining(working)
        if remaining is None or not working.side:
            return None
        found.append(Resting(working.client_id, working.symbol, working.side, remaining, Purpose.EXIT))
    return found
