"""What the broker's answers say, read so that no change of theirs can break us or mislead us.

In: decoded JSON of any make. Out: records whose fields are `None` or "" where the
answer said nothing that could be read, with a list of what could not. Nothing is
guessed: a number that is no number, a date that is no date and a side that is
neither buy nor sell are left out and named in `faults`; fields and words that are
new are carried or ignored, never refused. Amounts are `decimal.Decimal`, as exact
as the text that they came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

__all__ = [
    "BrokerOrder",
    "BrokerPosition",
    "StreamUpdate",
    "amount_of",
    "flattened",
    "instant_of",
    "order_of",
    "orders_of",
    "position_of",
    "positions_of",
    "update_of",
]

_SIDES = {"buy": 1, "sell": -1, "sell_short": -1, "buy_to_cover": 1}
_MOST = 60  # characters of a value that a message repeats
_DEEPEST = 3  # levels of legs; a broker's have one
# Powers of ten of an amount's first digit. What is beyond them is no amount of anything, and overflows later.
_SMALLEST, _LARGEST = -18, 15


def amount_of(value: object) -> Decimal | None:
    """Return an amount from text or a number; None from anything else, or of no sensible size.

    Examples
    --------
    >>> amount_of("12.50"), amount_of(3), amount_of("NaN"), amount_of("1e999"), amount_of(True)
    (Decimal('12.50'), Decimal('3'), None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        # Through text: Decimal(0.1) has 55 digits, and 0.1 is what was said.
        found = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):  # ValueError: a whole number of thousands of digits
        return None
    return found if found.is_finite() and _SMALLEST <= found.adjusted() <= _LARGEST else None


def instant_of(value: object) -> datetime | None:
    """Return a UTC instant from ISO text; a naive one is taken as UTC; None from anything else.

    Examples
    --------
    >>> instant_of("2026-11-20T14:30:00.123456789Z").isoformat()
    '2026-11-20T14:30:00.123456+00:00'
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):  # overflow: the year 1 or 9999 beside a time zone
        return None


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One order as the broker told of it.

    Attributes
    ----------
    id, client_id : str
        The broker's and the sender's name of it; "" not said.
    symbol : str
    side : int
        +1 buys, −1 sells, 0 not said.
    quantity, filled : Decimal or None
        Shares asked for and executed so far.
    average : Decimal or None
        USD a share, of what was executed.
    status : str
        The broker's word, lower case; "" not said.
    kind, order_class, time_in_force : str
        "market", "limit", "stop" …; "simple", "oco", "bracket"; "day", "gtc", "opg" …
    limit, stop : Decimal or None
        USD.
    updated_at : datetime or None
        UTC; when the broker last changed it.
    replaces, replaced_by : str
        Broker's ids of its neighbours in a chain of replacements.
    legs : tuple of BrokerOrder
    faults : tuple of str
        What was said and could not be read.
    """

    id: str = ""
    client_id: str = ""
    symbol: str = ""
    side: int = 0
    quantity: Decimal | None = None
    filled: Decimal | None = None
    average: Decimal | None = None
    status: str = ""
    kind: str = ""
    order_class: str = ""
    time_in_force: str = ""
    limit: Decimal | None = None
    stop: Decimal | None = None
    updated_at: datetime | None = None
    replaces: str = ""
    replaced_by: str = ""
    legs: tuple[BrokerOrder, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """What the broker holds of one symbol; `quantity` is signed, `None` if it could not be read."""

    symbol: str = ""
    quantity: Decimal | None = None
    average: Decimal | None = None
    available: Decimal | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamUpdate:
    """One event of the stream of trade updates: a hint that something happened to an order."""

    event: str
    execution_id: str
    order: BrokerOrder


def _shown(value: object) -> str:
    """Return a value for a message; of one that is nested too deeply to be written, its kind."""
    try:
        return repr(value)[:_MOST]
    except RecursionError:
        return f"a nested {type(value).__name__}"


class _Reader:
    """Read fields of one answer and note what could not be read."""

    def __init__(self, payload: Mapping[object, object]) -> None:
        self.payload = payload
        self.faults: list[str] = []

    def _fault(self, name: str, value: object) -> None:
        self.faults.append(f"{name} was {_shown(value)}")

    def text(self, *names: str) -> str:
        """Return the first of some fields that holds text."""
        for name in names:
            value = self.payload.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
            if value is not None and not isinstance(value, str):
                self._fault(name, value)
        return ""

    def word(self, *names: str) -> str:
        return self.text(*names).casefold()

    def amount(self, name: str, *, least: Decimal | None = Decimal(0)) -> Decimal | None:
        """Return an amount that is not below `least`."""
        value = self.payload.get(name)
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        found = amount_of(value)
        if found is None or (least is not None and found < least):
            self._fault(name, value)
            return None
        return found

    def instant(self, name: str) -> datetime | None:
        value = self.payload.get(name)
        found = instant_of(value)
        if found is None and value is not None:
            self._fault(name, value)
        return found

    def side(self) -> int:
        word = self.word("side")
        if word and word not in _SIDES:
            self._fault("side", word)
        return _SIDES.get(word, 0)


def order_of(payload: object) -> BrokerOrder:
    """Return the order that an answer tells of; one of which nothing could be read has only `faults`.

    Examples
    --------
    >>> said = order_of({"client_order_id": "XX-1", "qty": "5", "side": "buy", "status": "moonlit"})
    >>> said.client_id, said.quantity, said.side, said.status, said.filled
    ('XX-1', Decimal('5'), 1, 'moonlit', None)
    """
    return _order_of(payload, 0)


def _order_of(payload: object, depth: int) -> BrokerOrder:
    if not isinstance(payload, Mapping):
        return BrokerOrder(faults=(f"an order was {_shown(payload)}",))
    read = _Reader(payload)
    legs = payload.get("legs")
    if legs is not None and (depth >= _DEEPEST or not isinstance(legs, list | tuple)):
        read.faults.append(f"legs was {_shown(legs)}")
        legs = None
    return BrokerOrder(
        id=read.text("id"),
        client_id=read.text("client_order_id"),
        symbol=read.text("symbol"),
        side=read.side(),
        quantity=read.amount("qty"),
        filled=read.amount("filled_qty"),
        average=read.amount("filled_avg_price"),
        status=read.word("status"),
        kind=read.word("type", "order_type"),
        order_class=read.word("order_class"),
        time_in_force=read.word("time_in_force"),
        limit=read.amount("limit_price"),
        stop=read.amount("stop_price"),
        updated_at=read.instant("updated_at"),
        replaces=read.text("replaces"),
        replaced_by=read.text("replaced_by"),
        legs=tuple(_order_of(leg, depth + 1) for leg in legs or ()),
        faults=tuple(read.faults),
    )


def position_of(payload: object) -> BrokerPosition:
    """Return the position that an answer tells of.

    The sign comes from the quantity, and from `side` where the quantity has none;
    if the two disagree the quantity is not known.

    Examples
    --------
    >>> position_of({"symbol": "IBM", "qty": "5", "side": "short", "avg_entry_price": "100"}).quantity
    Decimal('-5')
    """
    if not isinstance(payload, Mapping):
        return BrokerPosition(faults=(f"a position was {_shown(payload)}",))
    read = _Reader(payload)
    quantity, side = read.amount("qty", least=None), read.word("side")
    if side not in {"", "long", "short"}:
        read.faults.append(f"side was {side[:_MOST]!r}")
        quantity = None
    elif quantity is not None and side == "short":
        quantity = -abs(quantity)
    elif quantity is not None and quantity < 0 and side == "long":
        read.faults.append(f"qty was {quantity} of a long position")
        quantity = None
    available = read.amount("qty_available", least=None)
    return BrokerPosition(
        symbol=read.text("symbol"),
        quantity=quantity,
        average=read.amount("avg_entry_price"),
        available=None if available is None else abs(available),
        faults=tuple(read.faults),
    )


def update_of(payload: object) -> StreamUpdate:
    """Return the event that a frame of the stream tells of, wrapped in `data` or bare."""
    inner = payload.get("data", payload) if isinstance(payload, Mapping) else payload
    if not isinstance(inner, Mapping):
        return StreamUpdate("", "", BrokerOrder(faults=(f"an update was {_shown(payload)}",)))
    read = _Reader(inner)
    return StreamUpdate(read.word("event"), read.text("execution_id"), order_of(inner.get("order")))


def _listed(payload: object) -> Iterable[object]:
    # Not a list: one unreadable item, so that "no orders" is never read into an answer that was none.
    return payload if isinstance(payload, list | tuple) else (payload,)


def orders_of(payload: object) -> tuple[BrokerOrder, ...]:
    """Return the orders of a list; an answer that is no list is one order of which nothing is known."""
    return tuple(order_of(item) for item in _listed(payload))


def positions_of(payload: object) -> tuple[BrokerPosition, ...]:
    """Return the positions of a list; an answer that is no list is one of which nothing is known."""
    return tuple(position_of(item) for item in _listed(payload))


def flattened(orders: Iterable[BrokerOrder]) -> Iterator[BrokerOrder]:
    """Yield orders and, after each, its legs."""
    for order in orders:
        yield order
        yield from flattened(order.legs)
