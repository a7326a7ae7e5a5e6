"""The account as the broker tells of it at one instant, reconciled with the journal.

In: the account's line, what the journal knows. Out: a `Picture`; and, in the journal, everything that had
happened meanwhile. A picture is whole or there is none: whatever could not be read raises `Unreachable`.

1. The clock, the account, the open orders; then the positions.
2. If anything was missing or differs, all is read and compared once more, and orders of ours that are not
   among the open ones are asked for by their ids. One that is definitely absent, after the time that a
   request can be under way, was never placed. What may have executed even between these two answers is left
   to the next look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from live.account_payloads import AccountFacts, account_of
from live.drifts import adopted, splits_of, stray, to_close, withdrawn
from live.findings import Act, Finding, Kind, Policy, Reconciled
from live.order_states import act
from live.payloads import BrokerOrder, BrokerPosition, flattened
from live.reconcile import reconcile
from live.risk_context import Purpose
from live.rows import Event
from live.tracks import Done, Track, Tracks
from live.transitions import Event as Happening
from live.transitions import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from live.alpaca import AlpacaAccount, BrokerClock
    from live.book import Book

__all__ = ["Picture", "World"]

# A request that was left behind can still arrive: its deadline, and as long again on the way.
_GRACE: Final = timedelta(seconds=20)
_CHANGES: Final = frozenset({Act.APPLY, Act.ADOPT, Act.FLATTEN})
_UNFILLED: Final = frozenset({State.CANCELLED, State.EXPIRED, State.REJECTED})
_WORDS: Final = {Kind.MISSED_FILL: "executed", Kind.ORDER_MOVED: "order"}  # nothing amiss: so they come in


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
    positions : dict of str to Decimal or None
        Shares that the broker holds, signed; None: its answer does not say how many.
    """

    now: datetime
    clock: BrokerClock
    account: AccountFacts
    findings: list[Finding] = field(default_factory=list)
    locked: frozenset[str] = frozenset()
    halted: bool = False
    positions: Mapping[str, Decimal | None] = field(default_factory=dict)


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

    def look(
        self,
        clock: BrokerClock,
        now: datetime,
        splits: Mapping[str, Decimal] | None = None,
        last_bar: datetime | None = None,
        *,
        sure: bool = True,
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
        sure : bool, default True
            Whether today's splits are known. Else what nobody can explain may be one: it halts.

        Raises
        ------
        Unreachable
        """
        facts = account_of(self._account.account())
        said = list(self._account.open_orders())
        positions = self._account.positions()
        found = self._compared(said, positions, splits, sure=sure)
        if found.ask:
            # Positions are read anew, so orders are too: shares executed between the two would be a drift.
            said = list(self._account.open_orders())
            there = {order.client_id for order in flattened(said)}
            gone = {t.order.client_id for t in self._tracks.open()} - there
            said += self._asked(found.ask | gone, clock.now)
            positions = self._account.positions()
            found = self._compared(said, positions, splits, found, sure=sure)
        shares = self._shares(positions)
        self._write(found, said, shares, clock.now, last_bar, now)
        return Picture(
            now,
            clock,
            facts,
            found.findings,
            self._locked(found),
            found.halted,
            shares,
        )

    def _shares(self, positions: Sequence[BrokerPosition]) -> dict[str, Decimal | None]:
        """Return what is held of each symbol; None where it is said twice, or nobody knows of what."""
        said = Counter(position.symbol for position in positions)
        shares: dict[str, Decimal | None] = dict.fromkeys(self._symbols) if said[""] else {}
        for position in positions:
            shares[position.symbol] = position.quantity if said[position.symbol] == 1 else None
        return shares

    def _locked(self, found: Reconciled) -> frozenset[str]:
        """Return the symbols of which nothing may be sent.

        Of a drift that nobody has decided about, the journal's shares may not be there any more: an order to
        protect or to exit them could open a position.
        """
        unnamed = {t.order.symbol for t in self._tracks.open() if not t.order.broker_id}
        drifted = {f.symbol for f in found.findings if f.act is Act.HALT}
        return frozenset((found.locked | unnamed | drifted) - {""})

    def _compared(
        self,
        said: list[BrokerOrder],
        positions: Sequence[BrokerPosition],
        splits: Mapping[str, Decimal] | None,
        first: Reconciled | None = None,
        *,
        sure: bool,
    ) -> Reconciled:
        orders = {name: t.order for name, t in self._tracks.orders.items()}
        for order in flattened(said):
            known = self._tracks.orders.get(order.client_id)
            if known is not None and "parent" in known.fields and order.quantity is not None:
                # The broker sizes the legs that it made itself: as one fills, the other shrinks.
                orders[order.client_id] = replace(known.order, quantity=order.quantity)
        splits = dict(splits or {}) | splits_of(self._tracks.holdings, positions)
        return reconcile(
            orders,
            self._tracks.holdings,
            said,
            positions,
            prefix=self._book.prefix,
            symbols=self._symbols,
            policy=self._policy if sure else replace(self._policy, drift=Act.HALT),
            splits=splits,
            first=first,
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
        self,
        found: Reconciled,
        said: Iterable[BrokerOrder],
        there: Mapping[str, Decimal | None],
        now: datetime,
        last_bar: datetime | None,
        ours: datetime,
    ) -> None:
        """Write down what differs from what was known; `now` by the broker's clock, `ours` by this one's.

        `there` are the shares at the broker.
        """
        told = {order.client_id: order for order in flattened(said)}
        parents = {leg.client_id: order.client_id for order in told.values() for leg in order.legs}
        changes: dict[str, Track] = {}
        for name in sorted(found.orders, key=parents.__contains__):  # a leg is what its parent is
            known, order = self._tracks.orders.get(name), found.orders[name]
            if known is None:
                parent = parents.get(name, "")
                above = changes.get(parent) or self._tracks.orders.get(parent)
                held = there.get(order.symbol, Decimal(0))
                held = found.held(order.symbol) if held is None else held
                changes[name] = stray(self._book, order, told[name], above, held, now)
            elif known.order != order:
                changes[name] = replace(known, order=order)
        changed = list(changes.values())
        done = []
        for name, executed in found.executions:
            order, at = found.orders[name], told[name].updated_at or now
            if last_bar is not None and at <= last_bar:
                at = last_bar + timedelta(microseconds=1)
            done.append(Done(at, name, order.symbol, order.side, executed.quantity, executed.price))
        done += adopted(self._tracks, found, done, now)
        # What changes nothing here, and comes again at each look, is told by whoever looks.
        events = [
            Event(self._word(f, found), _told(f), f.symbol or None)
            for f in found.findings
            if f.act in _CHANGES
        ]
        if self._policy.drift is Act.FLATTEN:
            changed += to_close(self._tracks, self._book, found, now)
        else:
            dropped = withdrawn(self._tracks, self._symbols)
            changed += dropped
            events += [
                Event(
                    "withdrawn", f"what was to be closed is kept: drift {self._policy.drift}", t.order.symbol
                )
                for t in dropped
            ]
        if changed or done or dict(found.holdings) != self._tracks.holdings:
            splits = self._tracks.splits.found(self._tracks.journal, found.splits, ours)
            self._tracks.take(changed, done, found.holdings, events, splits)

    def _word(self, finding: Finding, found: Reconciled) -> str:
        """Return the kind of event that a finding is; that an order ended and nobody asked is no routine."""
        known = self._tracks.orders.get(finding.client_id)
        if finding.kind is not Kind.ORDER_MOVED or known is None:
            return _WORDS.get(finding.kind, str(finding.kind))
        asked = known.order.state is State.CANCELLING or "parent" in known.fields
        wanted = known.purpose is not Purpose.PROTECT or finding.symbol in found.holdings
        ended = found.orders[finding.client_id].state in _UNFILLED
        return "ended" if ended and wanted and not asked else "order"


def _told(finding: Finding) -> str:
    """Return a finding in words; what is done about it, where that is a choice."""
    return finding.text if finding.act is Act.APPLY else f"{finding.text} ({finding.act})"
