"""What an order is on the live side: its id, its leg, its states.

In: what was decided. Out: an order that the journal can hold and a broker can be
sent. One decision to enter is up to three orders: the entry, and the
stop and the target that protect it; they are born together, so every fill that
can follow already has its id.

States of an order::

    entry, exit    NEW → ACCEPTED → FILLED | LAPSED | CANCELLED
    stop, target   HELD (until its entry fills) → WORKING → FILLED | CANCELLED

An entry lives for one open; what does not fill there lapses. `sent` says whether
the broker was told of the state as it is written here; what is not is sent again,
which is harmless because the id is the same.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from research.errors import BadValue

__all__ = ["LEG_OF_REASON", "OPEN", "Leg", "Order", "Outcome", "Status", "gate_of", "is_blocked", "mint"]

_LONGEST = 48  # characters a broker takes in an order's id
_PREFIX = re.compile(r"[A-Z]{2}-")


class Leg(StrEnum):
    """Which part of a trade an order is."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"
    FLATTEN = "flatten"  # closes what nobody here can explain, or what the kill switch closes


class Status(StrEnum):
    """Where an order stands."""

    NEW = "new"  # journalled, the broker does not know it yet
    ACCEPTED = "accepted"
    HELD = "held"  # protection that waits for its entry
    WORKING = "working"  # protection in force at the broker
    FILLED = "filled"
    LAPSED = "lapsed"  # an entry that its open did not fill
    CANCELLED = "cancelled"  # nothing left to close or to protect
    REJECTED = "rejected"


OPEN = frozenset({Status.NEW, Status.ACCEPTED, Status.HELD, Status.WORKING})


class Outcome(StrEnum):
    """What a broker said to an order; UNKNOWN is resolved by asking for the id, never by sending again."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


_BLOCKED = "blocked: "


def is_blocked(note: str) -> bool:
    """Say whether an order's note tells what the risk door has against it."""
    return note.startswith(_BLOCKED)


def gate_of(note: str) -> str:
    """Return a note without the figures of that one order, so that orders can be counted by it.

    Examples
    --------
    >>> gate_of("blocked: order notional (order must be ≤ 50000 USD, was 54304.50)")
    'blocked: order notional'
    >>> gate_of("a split left less than one share")
    'a split left less than one share'
    """
    return note.partition(" (")[0] if is_blocked(note) else note


LEG_OF_REASON = {
    "entry": Leg.ENTRY,
    "signal": Leg.EXIT,
    "time": Leg.EXIT,
    "stop": Leg.STOP,
    "trail": Leg.STOP,
    "target": Leg.TARGET,
}


def mint(prefix: str, strategy: str, symbol: str, bar_close: np.datetime64, leg: Leg) -> str:
    """Return the id of the order that this strategy wants of this symbol at this close.

    The same decision has the same id on every machine and after every restart, so
    a broker that has it already is asked, not told twice. Nothing else makes ids.

    Parameters
    ----------
    prefix : str
        Of the broker that will hold the order: two capitals and a hyphen. It says
        where a trade came from.
    strategy, symbol : str
    bar_close : datetime64
        The close at which it was decided; of protection, that of its entry.
    leg : Leg

    Returns
    -------
    str
        The prefix and 128 bits of SHA-256: 35 characters.

    Raises
    ------
    BadValue
        A prefix of another form.

    Examples
    --------
    >>> a = mint("XX-", "ma_crossover", "IBM", np.datetime64("2012-01-03T21:00"), Leg.ENTRY)
    >>> a == mint("XX-", "ma_crossover", "IBM", np.datetime64("2012-01-03T21:00"), Leg.EXIT)
    False
    """
    if not _PREFIX.fullmatch(prefix):
        raise BadValue(f"an id's prefix must be two capitals and a hyphen, was {prefix!r}; take the broker's")
    instant = int(bar_close.astype("datetime64[us]").astype(np.int64))
    digest = hashlib.sha256("\x1f".join((strategy, symbol, str(instant), leg)).encode())
    return (prefix + digest.hexdigest()[:32])[:_LONGEST]


@dataclass(frozen=True)
class Order:
    """One order as the journal and the broker know it.

    Attributes
    ----------
    id : str
    symbol : str
    leg : Leg
    bar : int
        Index of the bar at whose close it was decided.
    bar_close : datetime64
        That close.
    side : int
        +1 buys, −1 sells.
    quantity : float
        Raw shares; of protection, what is held now.
    reason : str
        "entry", "signal", "time", "stop" or "target".
    stop, target, trail, limit : float
        Of an entry: fractions of the price it will fill at, and bars; NaN none.
    level : float
        Of protection in force: its price, USD; NaN before.
    status : Status
    sent : bool
        Whether the broker was told of this state, or need not be.
    note : str
        Why it lapsed or was cancelled, how far an entry was cut to the cash, or what keeps it from being sent
        (`gate_of`).
    """

    id: str
    symbol: str
    leg: Leg
    bar: int
    bar_close: np.datetime64
    side: int
    quantity: float
    reason: str
    stop: float = math.nan
    target: float = math.nan
    trail: float = math.nan
    limit: float = math.nan
    level: float = math.nan
    status: Status = Status.NEW
    sent: bool = False
    note: str = ""

    def told(self, outcome: Outcome) -> Order:
        """Return the order after a broker's answer; an unknown outcome leaves it unsent."""
        if outcome is Outcome.UNKNOWN:
            return self
        if outcome is Outcome.REJECTED:
            return replace(self, status=Status.REJECTED, sent=True, note="rejected by the broker")
        return replace(self, status=Status.ACCEPTED if self.status is Status.NEW else self.status, sent=True)
