"""What the strategy wants, and what is sent for it now: entries, exits, protection.

In: the book of wanted orders, the engine's account, a picture of the broker, the hours. Out: orders, through
the risk door (`live.sending`), and cancels. Asked at each tick, it does the next thing that each symbol needs
and no more; what was done before shows in the tracks, so a restart goes on where the last process stopped.

For each symbol, the first that applies:

1. Its last order is in doubt, or somebody else's order is there: nothing but 2, until that is known.
2. An exit rests that would trade more than is held, or an entry whose open has passed: it is cancelled. What
   such an entry executed anyway is to be closed (`live.lapses`).
3. An exit is wanted and can be sent now: protection is cancelled; when that has ended, the exit is sent. One
   that ended unfilled is sent again after the next bar, under an id of that bar.
   Shares that nobody here can explain, and that are to be closed, go first and in the same way.
4. Shares are held: the protection that the kernel has in force rests at the broker (`live.protecting`).
5. An entry is wanted, decided at the latest bar, and its open is still to come: it is sent, restated if a
   split comes with that open. One that was sent before anybody knew of the split is cancelled.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from live.coming import at_open, recalled
from live.hands import Hands
from live.lapses import entering, kept_back, lapsed, late_wishes, queues
from live.leaving import PURPOSE, again, bare, leaving, next_name, outgrown
from live.order_states import act
from live.orders import Leg, Order, Outcome, Status, is_blocked
from live.plan import Plan, in_force, whole
from live.protecting import Protecting
from live.risk import Blocked
from live.risk_context import Purpose, Wanted
from live.rows import Event, utc_of
from live.sending import Sender, Sent
from live.transitions import Event as Happening

if TYPE_CHECKING:
    from datetime import datetime

    from live.book import Book
    from live.journal import Journal
    from live.telling import Tell
    from live.tracks import Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["Desk", "Plan"]


class Desk:
    """Send what is wanted.

    Parameters
    ----------
    engine : UnifiedTradingEngine
    book : Book
    journal : Journal
    tracks : Tracks
    sender : Sender
    tell : Tell
    """

    def __init__(
        self,
        engine: UnifiedTradingEngine,
        book: Book,
        journal: Journal,
        tracks: Tracks,
        sender: Sender,
        tell: Tell,
    ) -> None:
        self._engine, self._book, self._tracks, self._tell = engine, book, tracks, tell
        self._hands = Hands(book, journal, sender, tell)
        self._protecting = Protecting(engine, book, tracks, self._hands, tell)

    def serve(self, plan: Plan) -> None:
        """Do the next thing for each symbol."""
        self.close_late(plan.now)
        last = self._engine.last_bar
        closes = None if last is None else utc_of(last)
        for symbol in self._engine.symbols:
            self._found(symbol)
            for track in lapsed(self._tracks, self._book, symbol, closes, plan.schedule, plan.now):
                name = track.order.client_id
                self._tell("lapsing", f"entry {name} is cancelled: its open has passed", symbol)
                self._hands.cancel(track)
            shares = plan.positions.get(symbol, Decimal(0))
            if shares is not None:
                for track in outgrown(self._tracks, symbol, shares):
                    self._hands.cancel(track)
            orders = [order for order in self._book.open() if order.symbol == symbol]
            if symbol in plan.locked:
                self._enter(orders, plan)  # which says what keeps them
                continue
            for track, text in recalled(symbol, plan.splits, self._tracks, self._book, self._engine):
                self._tell("restated", text, symbol)
                self._hands.cancel(track)
            if self._leaves(symbol, orders, plan):
                continue
            if self._tracks.held(symbol) != 0:
                self._protecting.serve(symbol, orders, plan)
            else:
                self._protecting.cancel(symbol)
            self._enter(orders, plan)

    def guard(self, plan: Plan) -> list[str]:
        """See under the kill switch that what rests fits what is held; return what is held and has nothing.

        Nothing is ratcheted, entered or exited. An order that would trade more than is held goes; shares for
        which none rests, be it that an exit lapsed or that the switch caught protection being replaced, get
        protection if it may be put back.
        """
        return [text for symbol in self._engine.symbols if (text := self._guarded(symbol, plan))]

    def _guarded(self, symbol: str, plan: Plan) -> str:
        held = self._tracks.held(symbol)
        there = plan.positions.get(symbol, Decimal(0))
        there = held if there is None else there
        for track in outgrown(self._tracks, symbol, there):
            self._hands.cancel(track)
        if symbol not in plan.locked and not leaving(self._tracks, symbol):
            lacking = bare(self._tracks, symbol, held)
            if lacking < 0:
                self._protecting.cancel(symbol)
            elif lacking and plan.restores:
                orders = [order for order in self._book.open() if order.symbol == symbol]
                self._protecting.serve(symbol, orders, plan)
        lacking = bare(self._tracks, symbol, there)
        if lacking <= 0:
            return ""
        text = f"{lacking:f} {symbol} held, nothing rests for them"
        self._tell("unprotected", text, symbol)
        return text

    def close_late(self, now: datetime) -> None:
        """Write down that what entries executed after they had lapsed is to be closed.

        Asked before a bar is taken, which books it, and after, since with that bar more entries lapse.
        """
        for wish in late_wishes(self._tracks, self._book, self._engine, now):
            o = wish.order
            text = f"order {wish.order_id} executed after it had lapsed: its {o.quantity:f} shares are closed"
            self._tracks.put(wish, events=[Event("late entry", text, o.symbol)])

    # --- entries and exits ---------------------------------------------------------------------

    def _enter(self, orders: list[Order], plan: Plan) -> None:
        for order in orders:
            if order.leg is Leg.ENTRY and order.status is Status.NEW:
                self._enter_one(order, plan)

    def _enter_one(self, order: Order, plan: Plan) -> None:
        """Send an entry once, while its open is still to come."""
        sent = self._tracks.orders.get(order.id)
        if (sent is not None and not again(sent)) or order.bar_close != self._engine.last_bar:
            return
        if plan.schedule.late(utc_of(order.bar_close), plan.now):
            self._tell("late", f"entry {order.id}: its open has passed, nothing is sent", order.symbol)
            if not is_blocked(order.note):  # else that is why
                self._hands.stands(order, Sent(None, _LATE))
            return
        kept = plan.locked.get(order.symbol, plan.kept)
        if kept is not None:
            self._hands.bars(order, kept)
            return
        quantity = whole(at_open(order, plan.splits, self._engine))
        tif = in_force(plan, quantity)
        if tif is None or not plan.entering:
            return
        if tif == "day" and queues(plan.schedule, plan.now):
            self._tell("late", f"entry {order.id}: it might come after the close, not sent", order.symbol)
            return
        if order.symbol in plan.splits:
            text = f"entry {order.id}: {order.quantity:g} shares are {quantity:f} after the split of its open"
            self._tell("restated", text if quantity else f"{text}, nothing is sent", order.symbol)
        if not quantity:
            return
        want = Wanted(order.id, order.symbol, order.side, quantity, Purpose.ENTER, tif)
        kept = kept_back(self._tracks, order)
        hands = self._hands
        hands.stands(order, hands.market(want, order.id, plan) if kept is None else hands.kept(kept, want))

    def _found(self, symbol: str) -> None:
        """Let orders stand that the broker has, though its answer to them was never written.

        It was lost, or a process ended between the two.
        """
        for order in self._book.open():
            asked = (
                order.symbol == symbol and order.leg in {Leg.ENTRY, Leg.EXIT} and order.status is Status.NEW
            )
            if asked and any(track.order.broker_id for track in self._tracks.of_order(order.id)):
                self._hands.stands(order, Sent(Outcome.ACCEPTED))

    def _leaves(self, symbol: str, orders: list[Order], plan: Plan) -> bool:
        """Close what is to be closed; True if nothing else is to be done for the symbol now."""
        if leaving(self._tracks, symbol):
            return True
        held = self._tracks.held(symbol)
        wish = self._tracks.to_close(symbol)
        if wish is not None and held == 0:
            dropped = replace(wish, order=act(wish.order, Happening.WITHDRAWN).order)
            what = "a lapsed entry had executed" if wish.order_id else "nobody here could explain"
            event = Event("flat", f"what {what} is closed", symbol)
            self._tracks.put(dropped, events=[event])
            return False
        if held == 0:
            return False
        if wish is not None:
            if entering(self._tracks, symbol):
                return True  # against an order on the other side the broker takes none
            return self._leave(symbol, wish.order.client_id, Leg.FLATTEN, plan)[1]
        order = next((order for order in orders if order.leg is Leg.EXIT), None)
        if order is None:
            return False
        said, busy = self._leave(symbol, order.id, Leg.EXIT, plan)
        if said is not None and said.outcome is not Outcome.REJECTED:
            self._hands.stands(order, said)
        return busy

    def _leave(self, symbol: str, order_id: str, leg: Leg, plan: Plan) -> tuple[Sent | None, bool]:
        """Take the next step out of a position, and say whether its protection must wait for it."""
        last = self._engine.last_bar
        assert last is not None  # something is held, so some bar was decided at
        held = self._tracks.held(symbol)
        shares = whole(abs(held))
        name = next_name(self._book, self._tracks, symbol, order_id, leg, last, shares)
        tif = in_force(plan, shares)
        if name is None or tif is None:
            return None, False
        want = Wanted(name, symbol, -1 if held > 0 else 1, shares, PURPOSE[leg], tif)
        if (barred := self._hands.barred(want, plan)) is not None:
            return barred, False
        if self._protecting.cancel(symbol):
            return None, True
        said = self._hands.market(want, order_id, plan)
        return said, said.blocked is None


_LATE = Blocked("late", "an entry must be sent before its open", "later", "wait for the next bar")
