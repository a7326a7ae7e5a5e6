"""Our orders at a real broker, what they executed and what is held: kept in the journal, written ahead.

In: the journal. Out: a `Tracks`, which every change passes through: rows first, then memory. An order of
the strategy (`live.orders`) is what is wanted; a track is one order that was sent for it. A wish may take
several: an exit that expired is sent again at the next bar, protection is replaced as its stop moves.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live.holdings import Holding
from live.order_states import ENDED, IN_DOUBT, Tracked
from live.payloads import instant_of
from live.risk_context import Purpose, Resting
from live.schema import INSERT
from live.splits import Split, Splits
from live.track_index import TrackIndex
from live.transitions import State

if TYPE_CHECKING:
    from live.journal import Journal, Write
    from live.rows import Event

__all__ = ["Done", "Track", "Tracks", "utc_text"]


@dataclass(frozen=True, slots=True)
class Track:
    """One order at the broker.

    Attributes
    ----------
    order : Tracked
    order_id : str
        Of the strategy's order that it carries out; "" if nobody here knows why it was sent.
    purpose : Purpose
    fields : mapping
        The request's body; of a leg that the broker made itself, its type and levels; of a wish that is
        written down and not sent, nothing.
    sent_at : datetime
        UTC.
    """

    order: Tracked
    order_id: str
    purpose: Purpose
    fields: Mapping[str, Any]
    sent_at: datetime

    @property
    def open(self) -> bool:
        """Whether it may still execute shares, or nobody knows."""
        return self.order.state not in ENDED and self.order.state is not State.NEW

    @property
    def asked(self) -> bool:
        """Whether it was ever sent by us: no wish, and no leg that the broker made itself."""
        return bool(self.fields) and "parent" not in self.fields

    @property
    def kind(self) -> str:
        """The broker's word for its type: market, limit, stop."""
        return str(self.fields.get("type", ""))


@dataclass(frozen=True, slots=True)
class Done:
    """Shares that an order executed."""

    at: datetime
    client_id: str
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal


@dataclass
class Tracks:
    """All of them, by client id, and what the account holds.

    Attributes
    ----------
    orders : dict
        Those that ended too: ids are never used twice.
    holdings : dict
        By symbol, as told by executions and reconciliation.
    unbooked : list of Done
        Executed, and not yet in the engine's account.
    splits : Splits
        Of shares that were held.
    """

    journal: Journal
    orders: dict[str, Track] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    unbooked: list[Done] = field(default_factory=list)
    splits: Splits = field(default_factory=Splits)
    _index: TrackIndex = field(default_factory=TrackIndex, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._index = TrackIndex(self.orders.values())

    @classmethod
    def of(cls, journal: Journal) -> Tracks:
        """Read them from a journal."""
        orders = {row[0]: _track_of(row) for row in journal.rows("SELECT * FROM tracked ORDER BY client_id")}
        held = journal.rows("SELECT symbol, quantity, average FROM holdings")
        done = journal.rows(
            "SELECT at, client_id, symbol, side, quantity, price FROM executions "
            "WHERE bar IS NULL ORDER BY seq"
        )
        return cls(
            journal,
            orders,
            {symbol: Holding(Decimal(quantity), _decimal(average)) for symbol, quantity, average in held},
            [
                Done(_instant(at), name, symbol, side, Decimal(quantity), Decimal(price))
                for at, name, symbol, side, quantity, price in done
            ],
            Splits.of(journal),
        )

    # --- asking --------------------------------------------------------------------------------

    def open(self, symbol: str | None = None) -> list[Track]:
        """Return those that may still execute, in the order of their ids."""
        found = [self.orders[name] for name in sorted(self._index.open)]
        return [track for track in found if symbol in {None, track.order.symbol}]

    def of_order(self, order_id: str) -> list[Track]:
        """Return what was sent for one order of the strategy, first to last."""
        found = [self.orders[name] for name in self._index.of_order(order_id)]
        return sorted(found, key=lambda track: (track.sent_at, track.order.client_id))

    def resting(self) -> tuple[Resting, ...]:
        """Return the open ones as the risk door counts them; of two that exclude each other, one."""
        return tuple(
            Resting(
                t.order.client_id,
                t.order.symbol,
                t.order.side,
                t.order.remaining,
                t.purpose,
                t.order.state in IN_DOUBT,
            )
            for t in self.open()
            if not self._parent_open(t)
        )

    def _parent_open(self, track: Track) -> bool:
        parent = self.orders.get(str(track.fields.get("parent", "")))
        return parent is not None and parent.open

    def sent_since(self, instant: datetime) -> list[datetime]:
        """Return when we sent orders that the broker did not refuse, from an instant on, rising."""
        return self._index.sent_since(instant)

    def used_ids(self) -> frozenset[str]:
        """Return the ids that were ever sent, which none may be again."""
        return frozenset(self._index.used)

    def to_close(self, symbol: str) -> Track | None:
        """Return the wish to close all shares of a symbol, which stands until none is held; None if none."""
        wishes = [self.orders[name] for name in sorted(self._index.wishes)]
        return next((t for t in wishes if (t.order.symbol, t.purpose) == (symbol, Purpose.FLATTEN)), None)

    def held(self, symbol: str) -> Decimal:
        """Return the shares held of a symbol, signed."""
        return self.holdings[symbol].quantity if symbol in self.holdings else Decimal(0)

    # --- changing ------------------------------------------------------------------------------

    def put(self, *tracks: Track, events: Iterable[Event] = ()) -> None:
        """Write orders as they now stand."""
        self.journal.put(_writes("tracked", [_row(track) for track in tracks]), events=events)
        self._stand(tracks)

    def take(
        self,
        tracks: Sequence[Track],
        done: Sequence[Done],
        holdings: Mapping[str, Holding],
        events: Iterable[Event],
        splits: Sequence[Split] = (),
    ) -> None:
        """Write what a reconciliation found, all at once."""
        held = sorted(
            (s, str(h.quantity), None if h.average is None else str(h.average)) for s, h in holdings.items()
        )
        rows = [(utc_text(d.at), d.client_id, d.symbol, d.side, str(d.quantity), str(d.price)) for d in done]
        self.journal.put(
            _writes("tracked", [_row(track) for track in tracks]),
            _writes("executions", rows),
            lambda db: db.execute("DELETE FROM holdings"),
            _writes("holdings", held),
            self.splits.writing(splits),
            events=events,
        )
        self._stand(tracks)
        self.splits.stand(splits)
        self.unbooked += done
        self.holdings = dict(holdings)

    def _stand(self, tracks: Iterable[Track]) -> None:
        """Remember orders as they now stand."""
        for track in tracks:
            name = track.order.client_id
            self._index.stand(self.orders.get(name), track)
            self.orders[name] = track

    def until(self, instant: datetime) -> list[Done]:
        """Return what was executed up to an instant and is not booked."""
        return [done for done in self.unbooked if done.at <= instant]

    def booking(self, bar: int, instant: datetime) -> Write:
        """Return what writes that these are booked; `booked` follows once it is on the disk."""
        when = utc_text(instant)

        def write(db: sqlite3.Connection) -> object:
            return db.execute("UPDATE executions SET bar = ? WHERE bar IS NULL AND at <= ?", (bar, when))

        return write

    def booked(self, instant: datetime) -> None:
        """Forget what `booking` has written."""
        self.unbooked = [done for done in self.unbooked if done.at > instant]


def utc_text(instant: datetime) -> str:
    """Return an instant as UTC text whose order is that of time."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _writes(table: str, rows: Sequence[tuple[Any, ...]]) -> Write:
    return lambda db: db.executemany(INSERT[table], rows)


def _instant(text: str) -> datetime:
    found = instant_of(text)
    assert found is not None, text  # `utc_text` wrote it
    return found


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _row(track: Track) -> tuple[Any, ...]:
    o = track.order
    return (
        o.client_id, track.order_id, o.symbol, o.side, str(o.quantity), str(track.purpose),
        json.dumps(dict(track.fields), sort_keys=True), str(o.state), o.broker_id, str(o.filled),
        None if o.average is None else str(o.average), utc_text(track.sent_at),
        None if o.seen_at is None else utc_text(o.seen_at), o.replaced_by,
    )  # fmt: skip


def _track_of(row: tuple[Any, ...]) -> Track:
    name, order_id, symbol, side, quantity, purpose, fields, state, broker_id, filled, average = row[:11]
    sent, seen, replaced_by = row[11:]
    order = Tracked(
        name, symbol, side, Decimal(quantity), State(state), broker_id, Decimal(filled), _decimal(average),
        None if seen is None else _instant(seen), replaced_by,
    )  # fmt: skip
    return Track(order, order_id, Purpose(purpose), json.loads(fields), _instant(sent))
