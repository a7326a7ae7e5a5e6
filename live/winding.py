"""From a thrown kill switch to what the broker confirms: look, ask, wait, look again.

In: an account whose kill switch is latched. Out: what was done, line by line, and what could not be
confirmed gone when patience ended. Nothing here is remembered: who is interrupted is continued by the next.

1. Each look asks for the end of what is open; with `closing`, positions whose shares are free are closed.
2. While anything is left it looks again, a little later each time, whatever the broker answered.
3. Nothing left is believed at the second look: an order may have been under way at the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from live.alpaca import AlpacaAccount
from live.flattening import Closing
from live.killing import Swept, cancel_all
from live.payloads import BrokerOrder, BrokerPosition
from research.errors import Unreachable

__all__ = ["Winding"]

_LONGEST = 2.0  # seconds between looks


@dataclass
class Winding:
    """The winding down of one account.

    Parameters
    ----------
    account : AlpacaAccount
    prefix : str
        How our ids begin.
    tell : callable
        Given a word and a line, of what was done.
    closing : Closing, optional
        Positions are closed too.
    others : bool
        Orders of somebody else go too.
    patience : float
        Seconds after which it ends, with whatever is left; there is one look at least.
    settle : float
        Seconds between the two looks that must both find nothing.
    pause : float
        Seconds after the first look; half as much again after each, to 2 at most.
    """

    account: AlpacaAccount
    prefix: str
    tell: Callable[[str, str], None]
    closing: Closing | None = None
    others: bool = False
    patience: float = 120.0
    settle: float = 1.0
    pause: float = 0.25
    held: tuple[BrokerPosition, ...] | None = field(default=None, init=False)  # at the last look
    _asked: dict[str, str] = field(default_factory=dict, init=False)
    _told: set[str] = field(default_factory=set, init=False)
    _shut: frozenset[str] = field(default_factory=frozenset, init=False)  # closing orders asked the clock for

    def run(self) -> list[str]:
        """Wind down, and return what could not be confirmed gone.

        Raises
        ------
        KeysRefused
            The credentials are not taken: asking again is of no use.
        """
        until, pause, clean = time.monotonic() + self.patience, self.pause, False
        before: list[str] = []
        while True:
            left = self._look()
            if not left and clean:
                return []
            clean = not left
            if clean:
                time.sleep(self.settle)
                continue
            opens = self._opens(left)
            if opens or time.monotonic() >= until:
                return left + opens
            # What is new may be gone at the next look; what is there twice is waited for.
            self._once("waits", [line for line in left if line in before])
            before = left
            time.sleep(min(pause, max(until - time.monotonic(), 0.0)))
            pause = min(pause * 1.5, _LONGEST)

    def _look(self) -> list[str]:
        """Look once and do what can be done; return what is left."""
        keep = (lambda order: False) if self.closing is None else self.closing.mine
        swept = cancel_all(self.account, self.prefix, others=self.others, keep=keep)
        self._report(swept)
        left = [*swept.problems, *(f"open: {_in_words(order)}" for order in swept.left)]
        if left and self.closing is None:
            return left
        before = self.held or ()
        try:
            self.held = self.account.positions()
        except Unreachable as problem:
            return [*left, f"positions: {problem}"]
        there = {p.symbol for p in self.held}
        for gone in (p for p in before if p.symbol not in there):
            self.tell("closed", f"{gone.quantity:f} {gone.symbol}")
        if self.closing is None:
            unread = (p.symbol or "no symbol" for p in self.held if p.quantity is None)
            return [f"position of {symbol} cannot be read" for symbol in unread]
        # Without a list of the orders nobody knows which shares are free.
        return left if swept.problems and not swept.open else left + self.closing.step(swept.open, self.held)

    def _report(self, swept: Swept) -> None:
        """Tell what is new since the last look."""
        if swept.open or not swept.problems:
            there = {order.id for order in swept.left}
            for gone in [name for name in self._asked if name not in there]:
                self.tell("gone", self._asked.pop(gone))
        for order in swept.asked:
            self._asked[order.id] = _in_words(order)
            self._once("asked", [f"to cancel {_in_words(order)}"])
        self._once("foreign", [f"{_in_words(o)}: left alone, --all cancels it too" for o in swept.foreign])

    def _once(self, word: str, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._told:
                self._told.add(line)
                self.tell(word, line)

    def _opens(self, left: Sequence[str]) -> list[str]:
        """Say when the market opens if all that is left waits for that; nothing if not."""
        waiting = frozenset() if self.closing is None else frozenset(self.closing.waiting)
        if len(waiting) < len(left) or waiting == self._shut:
            return []
        self._shut = waiting
        try:
            clock = self.account.clock()
        except Unreachable:
            return []
        if clock.is_open:
            return []
        return [f"the market is closed until {clock.next_open:%Y-%m-%d %H:%M} UTC; run this again then"]


def _in_words(order: BrokerOrder) -> str:
    side = {1: "buy ", -1: "sell "}.get(order.side, "")
    shares = "" if order.quantity is None else f"{order.quantity:f} "
    done = f", {order.filled:f} filled" if order.filled else ""
    kind = order.order_class if order.order_class == "oco" else order.kind
    return f"{order.client_id or order.id} ({side}{shares}{order.symbol}, {kind or 'no type'}{done})"
