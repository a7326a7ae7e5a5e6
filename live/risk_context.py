"""What the risk door looks at: an order that is wanted, the rules, and the world it would enter.

In: nothing. Out: frozen records. Amounts are `decimal.Decimal`; `None` where
something is not known, which no check takes for "all is well".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from research.errors import BadValue

__all__ = ["Asset", "Breach", "Context", "Purpose", "Quote", "Resting", "Rules", "Session", "Wanted"]

ZERO = Decimal(0)


class Breach(NamedTuple):
    """A rule that was not kept: the rule, the value, the remedy, and whether it stays until reset."""

    rule: str
    value: str
    remedy: str
    latches: bool = False


class Purpose(StrEnum):
    """What an order is for; all but the first only make a position smaller."""

    ENTER = "enter"
    EXIT = "exit"
    PROTECT = "protect"  # rests at the broker: stop, target, or both as one OCO order
    FLATTEN = "flatten"  # closes by the kill switch or after drift, whatever else forbids


@dataclass(frozen=True, slots=True)
class Wanted:
    """One order that somebody wants to send.

    Attributes
    ----------
    client_id, symbol : str
    side : int
        +1 buys, −1 sells.
    quantity : Decimal
        Shares, > 0.
    purpose : Purpose
    time_in_force : str
        "opg" and "cls" take part in an auction; "day", "gtc".
    limit, stop : Decimal or None
        USD.
    replaces : str
        Client id of the resting order that this one takes the place of; "" none.
    """

    client_id: str
    symbol: str
    side: int
    quantity: Decimal
    purpose: Purpose
    time_in_force: str = "day"
    limit: Decimal | None = None
    stop: Decimal | None = None
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that may still be executed, or of which that is not known (`in_doubt`)."""

    client_id: str
    symbol: str
    side: int
    remaining: Decimal
    purpose: Purpose
    in_doubt: bool = False


@dataclass(frozen=True, slots=True)
class Quote:
    """The last price known of a symbol, that before it, and the instant (UTC) it was complete."""

    price: Decimal
    at: datetime
    before: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Asset:
    """What the broker lets one do with a symbol."""

    active: bool
    tradable: bool
    shortable: bool
    fractionable: bool


@dataclass(frozen=True, slots=True)
class Session:
    """The exchange's hours by the broker's clock; UTC instants up to which an auction takes orders."""

    is_open: bool
    opg_until: datetime | None = None
    cls_until: datetime | None = None
    agrees: bool = True  # the broker's clock and the calendar say the same


@dataclass(frozen=True, slots=True)
class Context:
    """The world at the instant of asking, as the broker last told of it.

    Attributes
    ----------
    now : datetime
        UTC.
    mode, host : str
        "paper" or "live", and where the order would go.
    prefix : str
        How the ids of that broker begin.
    equity, day_equity, peak_equity, buying_power : Decimal or None
        USD: now, at the session's start, the most ever, and what may be spent.
    reserved : Decimal
        USD of entries sent since `buying_power` was read: the broker has not taken them off yet.
    account_faults : tuple of str
        Why the broker would take no order: blocked, suspended, not active.
    shorting : bool
        Whether the account may hold short positions.
    clock_skew : timedelta or None
        Ours less the broker's.
    session : Session or None
    positions : mapping
        Shares held, signed; a symbol that is not there is flat.
    quotes, assets : mapping
        By symbol.
    resting : sequence of Resting
        All that may still be executed.
    used_ids : set
        Client ids that were ever sent.
    sent_at : sequence of datetime
        UTC, rising: when orders were sent that the broker did not refuse, the last day at least.
    latched : mapping
        Name of a limit that was hit, and what was said then.
    killed : bool
    guarding : bool
        Whether protection may be put back though `killed`: nobody winds the account down.
    """

    now: datetime
    mode: str
    host: str
    prefix: str
    equity: Decimal | None = None
    day_equity: Decimal | None = None
    peak_equity: Decimal | None = None
    buying_power: Decimal | None = None
    reserved: Decimal = ZERO
    account_faults: tuple[str, ...] = ()
    shorting: bool = False
    clock_skew: timedelta | None = None
    session: Session | None = None
    positions: Mapping[str, Decimal] = field(default_factory=dict)
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    assets: Mapping[str, Asset] = field(default_factory=dict)
    resting: Sequence[Resting] = ()
    used_ids: Set[str] = frozenset()
    sent_at: Sequence[datetime] = ()
    latched: Mapping[str, str] = field(default_factory=dict)
    killed: bool = False
    guarding: bool = False

    def held(self, symbol: str) -> Decimal:
        """Return the shares held of a symbol, signed."""
        return self.positions.get(symbol, ZERO)


def _hosts() -> Mapping[str, frozenset[str]]:
    return {"paper": frozenset({"paper-api.alpaca.markets"}), "live": frozenset({"api.alpaca.markets"})}


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits. What is equal to a limit is within it. Those of a run follow from it (`live.allowed`).

    Attributes
    ----------
    hosts : mapping
        By mode, where orders may go.
    restricted : set
        Symbols that must not be traded.
    order_quantity, order_notional : Decimal
        Shares and USD of one order.
    position_notional, position_share, gross_exposure : Decimal
        USD of one position; of equity, one position and all of them, as if every open entry filled.
    positions, open_orders, orders_per_minute, orders_per_day : int
    daily_loss, drawdown : Decimal
        Fractions of the equity at the session's start and of its peak; what passes them latches.
    collar : Decimal
        Farthest that a limit price may be from the last price, and that from the one before, as a fraction.
    stale_after, clock_skew : timedelta
        Oldest a bar may be, and how far the clocks may be apart, for an entry.
    allow_short : bool

    Raises
    ------
    BadValue
        A limit that is negative or no number.
    """

    hosts: Mapping[str, frozenset[str]] = field(default_factory=_hosts)
    restricted: frozenset[str] = frozenset()
    order_quantity: Decimal = Decimal(10_000)
    order_notional: Decimal = Decimal(50_000)
    position_notional: Decimal = Decimal(100_000)
    position_share: Decimal = Decimal("0.5")
    gross_exposure: Decimal = Decimal(1)
    positions: int = 20
    open_orders: int = 60
    orders_per_minute: int = 30
    orders_per_day: int = 500
    daily_loss: Decimal = Decimal("0.05")
    drawdown: Decimal = Decimal("0.25")
    collar: Decimal = Decimal("0.2")
    stale_after: timedelta = timedelta(hours=20)
    clock_skew: timedelta = timedelta(seconds=2)
    allow_short: bool = False

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, Decimal) and not (value.is_finite() and value >= 0):
                raise BadValue(f"risk limit `{each.name}` must be a number ≥ 0, was {value}; set it anew")
            if isinstance(value, int) and value < 0:
                raise BadValue(f"risk limit `{each.name}` must be ≥ 0, was {value}; set it anew")
            if isinstance(value, timedelta) and value < timedelta(0):
                raise BadValue(f"risk limit `{each.name}` must be ≥ 0 s, was {value}; set it anew")
