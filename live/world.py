"""The account as the broker tells of it at one instant, reconciled with the journal.

In: the account's line, what the journal knows. Out: a `Picture`; and, in the journal, everything that had
happened meanwhile. A picture is whole or there is none: whatever could not be read raises `Unreachable`.

1. The clock, the account, the open orders; then the positions.
2. If anything was missing or differs, all is read and compared once more, and orders of ours that are not
   among the open ones are asked for by their ids. One that is definitely absent, after the time that a
   request can be under way, was never placed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from live.account_payloads import AccountFacts, account_of
from live.findings import Act, Finding, Kind, Policy, Reconciled
from live.holdings import Holding, same_average
from live.order_states import Tracked, act
from live.orders import Leg
from live.payloads import BrokerOrder, BrokerPosition, flattened
from live.reconcile import reconcile
from live.risk_context import Purpose
from live.rows import Event
from live.tracks import Done, Track, Tracks
from live.transitions import Event as Happening
from live.transitions import State
from research.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from live.alpaca import AlpacaAccount, BrokerClock
    from live.book import Book

__all__ = ["Picture", "World", "splits_of"]

# A request that was left behind can still arrive: its deadline, and as long again on the way.
_GRACE: Final = timedelta(seconds=20)
_PARTS: Final = 20  # of a share, at most, in a split
_CHANGES: Final = frozenset({Act.APPLY, Act.ADOPT, Act.FLATTEN})
_UNFILLED: Final = frozenset({State.CANCELLED, State.EXPIRED, State.REJECTED})
_WORDS: Final = {Kind.MISSED_FILL: "executed", Kind.ORDER_MOVED: "order"}  # nothing amiss: so they come in
_LEG_OF_PURPOSE: Final = {Leg.ENTRY: Purpose.ENTER, Leg.EXIT: Purpose.EXIT, Leg.FLATTEN: Purpose.FLATTEN}


def splits_of(held: Mapping[str, Holding], there: Iterable[BrokerPosition]) -> dict[str, Decimal]:
    """Return the shares that one share became, where a position tells of a split and of nothing else.

    A split changes quantity and average alike, so that what was paid stays what it was; a trade that nobody
    here knows of changes what was paid. Ratios are those of small whole numbers, such as 2, 3/2 or 1/10.

    Examples
    --------
    >>> theirs = BrokerPosition(symbol="IBM", quantity=Decimal(20), average=Decimal(50))
    >>> splits_of({"IBM": Holding(Decimal(10), Decimal(100))}, [theirs])
    {'IBM': Decimal('2')}
    """
    found: dict[str, Decimal] = {}
    for position in there:
        ours = held.get(position.symbol)
        if ours is None or not (ours.average and position.average and position.quantity):
            continue
        if ours.quantity == position.quantity or ours.quantity * position.quantity <= 0:
            continue
        grows = ours.average > position.average
        large, small = (ours.average, position.average) if grows else (position.average, ours.average)
        ratio = Fraction(large / small).limit_denominator(_PARTS)
        ratio = ratio if grows else 1 / ratio
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        if ratio != 1 and same_average(ours.average, position.average * exact):
            found[position.symbol] = exact
    return found


@dataclass(frozen=True)
class Picture:
    """One look at the account.

    Attributes
    ----------
    now : datetime
        UTC, ours.
    clock : BrokerClock
    account : AccountFacts
    findings : list of Finding
    locked : set of str
        Symbols of which nothing may be sent now.
    halted : bool
        Whether nothing may be entered until somebody has looked.
    positions : dict of str to Decimal
        Shares that the broker holds, signed.
    """

    now: datetime
    clock: BrokerClock
    account: AccountFacts
    findings: list[Finding] = field(default_factory=list)
    locked: frozenset[str] = frozenset()
    halted: bool = False
    positions: Mapping[str, Decimal] = field(default_factory=dict)


class World:
    """Look at an account.

    Parameters
    ----------
    account : AlpacaAccount
    tracks : Tracks
    book : Book
        Of the strategy's orders: how our ids begin, and what each was for.
    symbols : set of str
        Ours to trade.
    policy : Policy
    """

    def __init__(
        self,
        account: AlpacaAccount,
        tracks: Tracks,
        book: Book,
        *,
        symbols: Set[str],
        policy: Policy,
    ) -> None:
        self._account, self._tracks, self._book = account, tracks, book
        self._symbols, self._policy = symbols, policy
        self._positions: Sequence[BrokerPosition] = ()

    def look(
        self,
        clock: BrokerClock,
        now: datetime,
        splits: Mapping[str, Decimal] | None = None,
        last_bar: datetime | None = None,
    ) -> Picture:
        """Read the account, reconcile, and write down what was found.

        Parameters
        ----------
        clock : BrokerClock
            Read just now.
        now : datetime
        splits : mapping, optional
            Shares that one share became, announced for today; others are read off the positions.
        last_bar : datetime, optional
            Nothing executed is dated before it is over: the account has closed that bar's page.

        Raises
        ------
        Unreachable
        """
        facts = account_of(self._account.account())
        said = list(self._account.open_orders())
        found = self._compared(said, splits, again=False)
        if found.ask:
            # Positions are read anew, so orders are too: shares executed between the two would be a drift.
            said = list(self._account.open_orders())
            there = {order.client_id for order in flattened(said)}
            gone = {t.order.client_id for t in self._tracks.open()} - there
            said += self._asked(found.ask | gone, clock.now)
            found = self._compared(said, splits, again=True)
        self._write(found, said, clock.now, last_bar)
        return Picture(
            now,
            clock,
            facts,
            found.findings,
            self._locked(found),
            found.halted,
            {p.symbol: p.quantity for p in self._positions if p.quantity is not None},
        )

    def _locked(self, found: Reconciled) -> frozenset[str]:
        """Return the symbols of which nothing may be sent.

        Of a drift that nobody has decided about, the journal's shares may not be there any more: an order to
        protect or to exit them could open a position.
        """
        unnamed = {t.order.symbol for t in self._tracks.open() if not t.order.broker_id}
        drifted = {f.symbol for f in found.findings if f.act is Act.HALT}
        return frozenset((found.locked | unnamed | drifted) - {""})

    def _compared(
        self, said: list[BrokerOrder], splits: Mapping[str, Decimal] | None, *, again: bool
    ) -> Reconciled:
        orders = {name: t.order for name, t in self._tracks.orders.items()}
        for order in flattened(said):
            known = self._tracks.orders.get(order.client_id)
            if known is not None and "parent" in known.fields and order.quantity is not None:
                # The broker sizes the legs that it made itself: as one fills, the other shrinks.
                orders[order.client_id] = replace(known.order, quantity=order.quantity)
        positions = self._positions = self._account.positions()
        splits = dict(splits or {}) | splits_of(self._tracks.holdings, positions)
        return reconcile(
            orders,
            self._tracks.holdings,
            said,
            positions,
            prefix=self._book.prefix,
            symbols=self._symbols,
            policy=self._policy,
            splits=splits,
            again=again,
        )

    def _asked(self, names: Set[str], now: datetime) -> list[BrokerOrder]:
        """Ask for orders by their ids; write down those that are definitely not there."""
        told: list[BrokerOrder] = []
        for name in sorted(names - {""}):
            track = self._tracks.orders.get(name)
            if track is None:
                continue
            order = self._account.order(name)
            if order is not None:
                told.append(order)
            elif track.order.state is State.UNKNOWN and now - track.sent_at >= _GRACE:
                event = Event("not placed", f"order {name} is not at the broker", track.order.symbol)
                absent = act(track.order, Happening.ABSENT).order
                self._tracks.put(replace(track, order=absent), events=[event])
        return told

    # --- writing -------------------------------------------------------------------------------

    def _write(
        self, found: Reconciled, said: Iterable[BrokerOrder], now: datetime, last_bar: datetime | None
    ) -> None:
        """Write down what differs from what was known."""
        told = {order.client_id: order for order in flattened(said)}
        parents = {leg.client_id: order.client_id for order in told.values() for leg in order.legs}
        changed = []
        for name, order in found.orders.items():
            known = self._tracks.orders.get(name)
            if known is None:
                changed.append(self._stray(order, told[name], parents.get(name), now))
            elif known.order != order:
                changed.append(replace(known, order=order))
        done = []
        for name, executed in found.executions:
            order, at = found.orders[name], told[name].updated_at or now
            if last_bar is not None and at <= last_bar:
                at = last_bar + timedelta(microseconds=1)
            done.append(Done(at, name, order.symbol, order.side, executed.quantity, executed.price))
        done += self._adopted(found, done, now)
        changed += self._to_close(found, now)
        # What changes nothing here, and comes again at each look, is told by whoever looks.
        events = [
            Event(self._word(f, found), _told(f), f.symbol or None)
            for f in found.findings
            if f.act in _CHANGES
        ]
        if changed or done or dict(found.holdings) != self._tracks.holdings:
            self._tracks.take(changed, done, found.holdings, events)

    def _word(self, finding: Finding, found: Reconciled) -> str:
        """Return the kind of event that a finding is; that an order ended and nobody asked is no routine."""
        known = self._tracks.orders.get(finding.client_id)
        if finding.kind is not Kind.ORDER_MOVED or known is None:
            return _WORDS.get(finding.kind, str(finding.kind))
        asked = known.order.state is State.CANCELLING or "parent" in known.fields
        wanted = known.purpose is not Purpose.PROTECT or finding.symbol in found.holdings
        ended = found.orders[finding.client_id].state in _UNFILLED
        return "ended" if ended and wanted and not asked else "order"

    def _stray(self, order: Tracked, said: BrokerOrder, parent: str | None, now: datetime) -> Track:
        """Return a track of an order that is ours and was not in the journal."""
        fields: dict[str, object] = {"type": said.kind}
        for name, price in (("limit_price", said.limit), ("stop_price", said.stop)):
            if price is not None:
                fields[name] = str(price)
        if parent is not None and parent in self._tracks.orders:
            above = self._tracks.orders[parent]
            return Track(order, above.order_id, above.purpose, fields | {"parent": parent}, above.sent_at)
        wish = self._book.get(order.client_id)
        if wish is not None:
            purpose = _LEG_OF_PURPOSE.get(wish.leg, Purpose.PROTECT)
            return Track(order, wish.id, purpose, fields, now)
        closes = self._tracks.held(order.symbol) * order.side < 0
        resting = said.kind in {"stop", "stop_limit", "limit"}
        purpose = (Purpose.PROTECT if resting else Purpose.EXIT) if closes else Purpose.ENTER
        return Track(order, "", purpose, fields, now)

    def _to_close(self, found: Reconciled, now: datetime) -> list[Track]:
        """Return wishes to close what nobody here can explain.

        A drift is found once, since its shares are taken over; its order may have to wait for the market, or
        for protection to end. So the wish is written in the same transaction, and the desk serves it.
        """
        if self._policy.drift is not Act.FLATTEN:  # nor any more
            return [
                replace(wish, order=act(wish.order, Happening.WITHDRAWN).order)
                for symbol in self._symbols
                if (wish := self._tracks.to_close(symbol)) is not None
            ]
        wishes = []
        for symbol, shares in found.flatten.items():
            if self._tracks.to_close(symbol) is None:
                # Its orders bear the bar's own instant.
                instant = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "us") + 1
                while (name := self._book.id_of(symbol, instant, Leg.FLATTEN)) in self._tracks.orders:
                    instant += 2
                order = Tracked(name, symbol, 1 if shares > 0 else -1, abs(shares))
                wishes.append(Track(order, "", Purpose.FLATTEN, {}, now))
        return wishes

    def _adopted(self, found: Reconciled, done: list[Done], now: datetime) -> list[Done]:
        """Return, as executions of nobody's order, the shares that a drift brought or took."""
        adopted = []
        for finding in found.findings:
            if finding.kind is not Kind.QUANTITY or finding.act not in {Act.ADOPT, Act.FLATTEN}:
                continue
            symbol = finding.symbol
            held = found.holdings.get(symbol)
            booked = sum((d.side * d.quantity for d in done if d.symbol == symbol), self._tracks.held(symbol))
            there = Decimal(0) if held is None else held.quantity
            price = held.average if held is not None and held.average is not None else None
            if price is None and symbol in self._tracks.holdings:
                price = self._tracks.holdings[symbol].average
            if price is None:  # entered and sold by hand between two looks
                price = next((d.price for d in reversed(done) if d.symbol == symbol), None)
            shares = there - booked
            if shares and price is None:
                # Held and not in the strategy's account, they would be nobody's.
                raise Unreachable(
                    f"the broker does not say what {shares} shares of {symbol} cost that nobody here knows "
                    "of; it is asked again at the next turn"
                )
            if shares and price is not None:
                adopted.append(Done(now, "", symbol, 1 if shares > 0 else -1, abs(shares), price))
        return adopted


def _told(finding: Finding) -> str:
    """Return a finding in words; what is done about it, where that is a choice."""
    return finding.text if finding.act is Act.APPLY else f"{finding.text} ({finding.act})"
