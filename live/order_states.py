"""The order state machine: what is known of an order, and what each event makes of it.

In: an order as it is tracked, and an event: an act of ours, an answer to a request,
or a report of the broker's (by answer, by stream or by poll; all are read alike).
Out: the order after it, with what was executed and what must be told.

One table decides every pair of state and event. It is built on three laws:

* **Only a definite answer ends doubt.** From the moment before it is sent until the
  broker is known to have it or not, an order is UNKNOWN; it is asked for by its id,
  never sent again blindly. A report that cannot be read makes it UNCLEAR.
* **Nothing runs backwards.** Executed shares only grow; an end is an end; a report
  that is late or comes twice changes nothing. A step back (a cancel that was
  refused) is taken only from a report dated after the last one.
* **Shares are real.** Whatever the state, shares that the broker reports executed
  are taken, and told if the order had ended.

States::

    NEW ──sending──> UNKNOWN ──reports──> HELD, LIVE, PARTIAL ⇄ CANCELLING, REPLACING
     ^──asked: absent──┘ └──refused──> REFUSED       └──> FILLED, CANCELLED, EXPIRED, REPLACED, REJECTED

Executions need no ids here: a report carries the shares executed so far, so the same
event twice, or two in the wrong order, add nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from live.payloads import BrokerOrder
from live.transitions import TABLE, Effect, Event, State
from research.errors import BadValue

__all__ = ["ENDED", "IN_DOUBT", "Execution", "Step", "Tracked", "Trouble", "act", "event_of", "report"]

ENDED = frozenset(
    {State.FILLED, State.CANCELLED, State.EXPIRED, State.REPLACED, State.REJECTED, State.REFUSED}
)
IN_DOUBT = frozenset({State.UNKNOWN, State.UNCLEAR})  # nothing more is sent of such a symbol

# The broker's words. "done_for_day", "stopped" and "calculated" may still change; a word that is not
# here is UNCLEAR.
_EVENT_OF_STATUS = {
    "new": Event.SEEN_LIVE,
    "accepted": Event.SEEN_LIVE,
    "pending_new": Event.SEEN_LIVE,
    "accepted_for_bidding": Event.SEEN_LIVE,
    "pending_review": Event.SEEN_LIVE,
    "done_for_day": Event.SEEN_LIVE,
    "stopped": Event.SEEN_LIVE,
    "calculated": Event.SEEN_LIVE,
    "held": Event.SEEN_HELD,
    "suspended": Event.SEEN_HELD,
    "partially_filled": Event.SEEN_PARTIAL,
    "pending_cancel": Event.SEEN_CANCELLING,
    "pending_replace": Event.SEEN_REPLACING,
    "filled": Event.SEEN_FILLED,
    "canceled": Event.SEEN_CANCELLED,
    "expired": Event.SEEN_EXPIRED,
    "replaced": Event.SEEN_REPLACED,
    "rejected": Event.SEEN_REJECTED,
}
_NOTHING_EXECUTED = frozenset({Event.SEEN_LIVE, Event.SEEN_HELD})
ZERO = Decimal(0)


class Trouble(StrEnum):
    """Why a report needs somebody's attention."""

    CONTRADICTION = "contradiction"  # the broker says what cannot follow from what it said before
    OTHER_ORDER = "other order"  # same id, but not the symbol, side or quantity that was sent: halt
    OVERFILLED = "overfilled"  # more shares executed than were asked for: halt
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Execution:
    """Shares executed since the last report, and the price they made."""

    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is known of one order.

    Attributes
    ----------
    client_id, symbol : str
    side : int
        +1 buys, −1 sells.
    quantity : Decimal
        Shares asked for, > 0.
    state : State
    broker_id : str
        "" until the broker told it.
    filled : Decimal
        Shares executed, as far as known; never shrinks.
    average : Decimal or None
        USD a share of those.
    seen_at : datetime or None
        UTC; the latest date of a report.
    replaced_by : str
        Broker's id of the order that took its place.
    """

    client_id: str
    symbol: str
    side: int
    quantity: Decimal
    state: State = State.NEW
    broker_id: str = ""
    filled: Decimal = ZERO
    average: Decimal | None = None
    seen_at: datetime | None = None
    replaced_by: str = ""

    @property
    def remaining(self) -> Decimal:
        """Shares that may still be executed: none once it has ended."""
        return ZERO if self.state in ENDED else max(self.quantity - self.filled, ZERO)


@dataclass(frozen=True, slots=True)
class Step:
    """An order after an event.

    Attributes
    ----------
    order : Tracked
    executed : Execution or None
        What the event brought.
    troubles : tuple of (Trouble, str)
        What must be told; `OTHER_ORDER` and `OVERFILLED` halt.
    """

    order: Tracked
    executed: Execution | None = None
    troubles: tuple[tuple[Trouble, str], ...] = ()


def act(order: Tracked, event: Event) -> Step:
    """Return an order after an act of ours or an answer that carries no report.

    Parameters
    ----------
    order : Tracked
    event : Event
        Not one of the reports (`SEEN_…`): these are `report`'s.

    Raises
    ------
    BadValue
        An act that the order's state does not allow, such as sending it twice.

    Examples
    --------
    >>> order = Tracked("XX-1", "IBM", 1, Decimal(5))
    >>> str(act(order, Event.SENDING).order.state)
    'unknown'
    """
    return _moved(order, event, later=False)


def event_of(said: BrokerOrder, quantity: Decimal) -> Event:
    """Return which report an order's payload is; UNCLEAR if it lacks what its status needs.

    Parameters
    ----------
    said : BrokerOrder
    quantity : Decimal
        Shares that were asked for.
    """
    event = _EVENT_OF_STATUS.get(said.status, Event.SEEN_UNCLEAR)
    if event is Event.SEEN_UNCLEAR:
        return event
    if said.filled is None:
        # Only "nothing happened yet" and "nothing will" may leave out how much was executed.
        return event if event in _NOTHING_EXECUTED or event is Event.SEEN_REJECTED else Event.SEEN_UNCLEAR
    if said.filled > 0 and not said.average:
        return Event.SEEN_UNCLEAR  # shares without a price cannot be booked
    if event is Event.SEEN_FILLED:
        # "filled" of fewer shares than were asked for, and of none, are no words for what happened.
        return event if said.filled >= quantity else Event.SEEN_UNCLEAR
    if event is Event.SEEN_PARTIAL and said.filled == 0:
        return Event.SEEN_UNCLEAR
    if event in _NOTHING_EXECUTED and said.filled > 0:
        return Event.SEEN_PARTIAL
    return event


def report(order: Tracked, said: BrokerOrder) -> Step:
    """Return an order after the broker told of it.

    Parameters
    ----------
    order : Tracked
    said : BrokerOrder
        Of the same client id; what else differs is trouble, and changes nothing.

    Returns
    -------
    Step
        With an execution if the broker told of more shares than were known.

    Examples
    --------
    >>> order = act(Tracked("XX-1", "IBM", 1, Decimal(5)), Event.SENDING).order
    >>> said = BrokerOrder(
    ...     client_id="XX-1", status="partially_filled", filled=Decimal(2), average=Decimal(100)
    ... )
    >>> step = report(order, said)
    >>> str(step.order.state), step.executed.quantity
    ('partial', Decimal('2'))
    >>> report(step.order, said).executed is None  # once more
    True
    """
    differs = _differs(order, said)
    if differs:
        return Step(order, None, ((Trouble.OTHER_ORDER, f"order {order.client_id}: {differs}"),))
    event = event_of(said, order.quantity)
    older = later = False
    if said.updated_at is not None and order.seen_at is not None:
        older, later = said.updated_at < order.seen_at, said.updated_at > order.seen_at
    late = older and TABLE[order.state, event].to not in ENDED  # only its executed shares may be news
    return _booked(order, said, Step(order) if late else _moved(order, event, later=later))


def _differs(order: Tracked, said: BrokerOrder) -> str:
    """Say in what a report is not of this order; fields that were not said differ in nothing."""
    if said.client_id and said.client_id != order.client_id:
        return f"the report is of {said.client_id}"
    if said.symbol and said.symbol != order.symbol:
        return f"sent for {order.symbol}, the broker has it for {said.symbol}"
    if said.side and said.side != order.side:
        return f"sent with side {order.side:+d}, the broker has it with {said.side:+d}"
    if said.quantity is not None and said.quantity != order.quantity:
        return f"sent for {order.quantity} shares, the broker has it for {said.quantity}"
    return ""


def _moved(order: Tracked, event: Event, *, later: bool) -> Step:
    """Return an order after what the table says of its state and an event."""
    cell = TABLE[order.state, event]
    if cell.effect is Effect.FORBIDDEN:
        raise BadValue(
            f"order {order.client_id}: {event} must not happen in the state {order.state}; "
            "ask the broker for the order by its id"
        )
    if cell.effect is Effect.STAY or (cell.effect is Effect.IF_LATER and not later):
        return Step(order)
    now = order if cell.to is order.state else replace(order, state=cell.to)
    if cell.effect is Effect.ALARM:
        text = f"order {order.client_id} was {order.state}, now {event}; taken as {cell.to}"
        return Step(now, None, ((Trouble.CONTRADICTION, text),))
    return Step(now)


def _booked(before: Tracked, said: BrokerOrder, step: Step) -> Step:
    """Add what a report says beside its status: the shares executed, its date, its names."""
    troubles = list(step.troubles)
    if said.faults:
        told = "; ".join(said.faults)
        troubles.append((Trouble.UNREADABLE, f"order {before.client_id}: {told}; read without it"))
    executed = None
    filled, average = before.filled, before.average
    if said.filled is not None and said.average and said.filled > before.filled:
        filled, average = said.filled, said.average
        executed = _executed(before, filled, average)
        if before.state in ENDED and before.state is not State.REFUSED and not step.troubles:
            text = f"order {before.client_id} had ended ({before.state}) and executed {filled} shares"
            troubles.append((Trouble.CONTRADICTION, text))
        if filled > before.quantity:
            text = f"order {before.client_id}: {filled} of {before.quantity} shares executed"
            troubles.append((Trouble.OVERFILLED, text))
    seen_at = max((at for at in (before.seen_at, said.updated_at) if at is not None), default=None)
    order = replace(
        step.order,
        filled=filled,
        average=average,
        seen_at=seen_at,
        broker_id=before.broker_id or said.id,
        replaced_by=before.replaced_by or said.replaced_by,
    )
    if filled >= order.quantity and order.state not in ENDED:
        # A late report completed it: all is executed, whatever the latest status was.
        order = replace(order, state=State.FILLED)
    return Step(order, executed, tuple(troubles))


def _executed(before: Tracked, filled: Decimal, average: Decimal) -> Execution:
    """Return the shares beyond those known, at the price that the two averages leave for them."""
    quantity = filled - before.filled
    known = before.filled * (before.average or ZERO)
    return Execution(quantity, (filled * average - known) / quantity)
