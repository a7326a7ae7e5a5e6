"""What goes wrong, drawn by chance: each draw is one mishap that strikes before the trader looks next.

In: a generator of chance, the fake, what is open at it. Out: a name for the tally; the fake is spoiled. A
mishap that lasts (a skew, a blocked account, a host that answers nothing) is taken back by `Mishaps.heal`
some looks later. Outcomes never depend on how fast this machine is: a fault strikes a request once, and is
retried, or every request of one look.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.fake_alpaca import FakeAlpaca
from tests.fake_alpaca.faults import Fault, Script, scope

READS = ("GET /v2/account", "GET /v2/clock", "GET /v2/orders", "GET /v2/positions", "GET /v2/stocks/bars")
ANSWERS = ("500", "502", "503", "504", "reset", "close", "empty", "html", "malformed", "null", "truncated")
# What a write may meet; after the broker has acted, or before.
DOUBTS = ("500", "502", "503", "504", "reset", "close", "empty", "html", "malformed", "truncated")
BAD_BARS = ({"c": float("nan")}, {"o": 0.0}, {"l": -1.0}, {"h": 1e9})


@dataclass
class Mishaps:
    """A source of mishaps for one run.

    Attributes
    ----------
    fake : FakeAlpaca
    draw : Random
    bar : timedelta
        Fake time from one bar to the next.
    by_hand : set of str
        Symbols that somebody sold by hand.
    """

    fake: FakeAlpaca
    draw: random.Random
    bar: timedelta
    by_hand: set[str] = field(default_factory=set)
    _lasting: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    looks: int = 0

    def strike(self, next_close: datetime) -> str:
        """Let one mishap happen, and return its class."""
        kinds: list[tuple[Callable[[datetime], str], int]] = [
            (self._read, 3), (self._outage, 2), (self._mute, 1), (self._write, 6), (self._cancel, 3),
            (self._asked, 2), (self._rate, 1), (self._refusal, 2), (self._order, 3), (self._fill, 4),
            (self._bars, 4), (self._hand, 2), (self._halt, 1), (self._close, 1), (self._skew, 1),
            (self._blocked, 1), (self._keys, 1), (self._away, 1), (self._unguarded, 2), (self._caught, 2),
        ]  # fmt: skip
        (chosen,) = self.draw.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        return chosen(next_close)

    def heal(self, *, all_of_it: bool = False) -> None:
        """Count a look, and take back what has lasted long enough."""
        self.looks += 1
        now, self._lasting = self._lasting, []
        for until, undo in now:
            if all_of_it or until <= self.looks:
                undo()
            else:
                self._lasting.append((until, undo))
        if all_of_it:
            self.fake.script.clear()

    @property
    def quiet(self) -> bool:
        """Whether nothing lasts, and nothing waits to go wrong with a request or an order."""
        waiting = [f for f in self.fake.script.faults if not f.times or f.fired < f.times]
        return not self._lasting and all(scope(f.where) in {"market", "account", "data"} for f in waiting)

    # --- requests ------------------------------------------------------------------------------

    def _fault(self, where: str, kind: str, looks: int = 0, **more: Any) -> None:
        fault = self.fake.fault(where, kind, **more)
        if looks:
            self._lasting.append((self.looks + looks, lambda: self._drop(fault)))

    def _drop(self, fault: Fault) -> None:
        script: Script = self.fake.script
        script.faults[:] = [one for one in script.faults if one is not fault]

    def _symbol(self) -> str:
        return self.draw.choice(self.fake.tape.symbols)

    def _read(self, _close: datetime) -> str:
        self._fault(self.draw.choice(READS), self.draw.choice(ANSWERS))
        return "a read fails once"

    def _outage(self, _close: datetime) -> str:
        where = self.draw.choice((*READS, "* *"))
        self._fault(where, self.draw.choice(("500", "503", "reset", "html")), looks=1, times=0)
        return "reads fail for a look"

    def _mute(self, _close: datetime) -> str:
        self._fault(self.draw.choice(READS), "mute")
        return "a read meets silence"

    def _write(self, _close: datetime) -> str:
        kind, commit = self.draw.choice((*DOUBTS, "mute")), self.draw.choice(("before", "after"))
        self._fault("POST /v2/orders", kind, commit=commit)
        return f"an order in doubt, {commit} commit"

    def _cancel(self, _close: datetime) -> str:
        kind = self.draw.choice(("500", "503", "504", "reset", "fill_first"))
        more: dict[str, Any] = (
            {} if kind == "fill_first" else {"commit": self.draw.choice(("before", "after"))}
        )
        self._fault("DELETE /v2/orders/*", kind, **more)
        return "a cancel goes wrong"

    def _asked(self, _close: datetime) -> str:
        self._fault("POST /v2/orders", self.draw.choice(DOUBTS), commit=self.draw.choice(("before", "after")))
        self._fault("GET /v2/orders:by_client_order_id", self.draw.choice(ANSWERS), looks=3, times=0)
        return "an order in doubt that cannot be asked for"

    def _rate(self, _close: datetime) -> str:
        where = self.draw.choice((*READS, "POST /v2/orders"))
        self._fault(where, "429", headers={"Retry-After": "0"})
        return "too many requests"

    def _refusal(self, _close: datetime) -> str:
        self._fault("POST /v2/orders", self.draw.choice(("403", "422")))
        return "the broker refuses an order"

    def _unguarded(self, _close: datetime) -> str:
        which = self.draw.choice(({"order_class": "oco"}, {"type": "stop"}, {"order_class": "oco"}))
        self._fault("POST /v2/orders", self.draw.choice(("403", "422")), match=which)
        return "the broker refuses protection"

    def _keys(self, _close: datetime) -> str:
        self._fault(self.draw.choice(READS), "401")
        return "credentials are refused"

    def _away(self, _close: datetime) -> str:
        self.fake.fault("market", "refuse", seconds=0.2)
        return "nobody listens"

    # --- orders, bars, the world -----------------------------------------------------------------

    def _order(self, _close: datetime) -> str:
        kind = self.draw.choice(("reject", "cancel", "expire", "suspend"))
        more: dict[str, Any] = {"seconds": 1.5 * self.bar.total_seconds()} if kind == "suspend" else {}
        self._fault("order", kind, **more)
        return f"an order ends or stalls: {kind}"

    def _fill(self, _close: datetime) -> str:
        kind = self.draw.choice(("partial", "partial_then_cancel", "skip"))
        more: dict[str, Any] = (
            {"portions": self.draw.choice(([0.5, 1.0], [0.3, 0.0, 1.0]))} if kind == "partial" else {}
        )
        self._fault("fill", kind, **more)
        return f"a fill: {kind}"

    def _bars(self, close: datetime) -> str:
        kind = self.draw.choice(("missing", "set", "scale", "revise", "repeat", "stale"))
        more: dict[str, Any] = {"at": close, "match": {"symbol": self._symbol()}}
        if kind == "set":
            more["set"] = self.draw.choice(BAD_BARS)
        elif kind == "scale":
            more["factor"] = self.draw.choice((0.2, 5.0))
        elif kind == "revise":
            # Shown a cent higher at first, rightly later.
            more |= {"set": {"v": 1.0}, "seconds": 1.5 * self.bar.total_seconds()}
        elif kind == "missing":
            more["until"] = close + self.draw.randrange(4) * self.bar
        elif kind == "stale":
            more["until"] = close + 1.5 * self.bar
        self._fault("data", kind, **more)
        return f"a bar: {kind}"

    def _hand(self, _close: datetime) -> str:
        symbol = self._symbol()
        held = self.fake.positions().get(symbol, 0.0)
        if self.draw.random() < 0.3:
            self.fake.fault("account", "cancel", symbol=symbol)
            return "orders are cancelled by hand"
        if held >= 2.0 and self.draw.random() < 0.5:
            self.by_hand.add(symbol)
            self.fake.trade_by_hand(symbol, -(held // 2))
        else:
            self.fake.trade_by_hand(symbol, 3.0)
        return "a trade by hand"

    def _halt(self, _close: datetime) -> str:
        until = self.fake.now + self.draw.randint(1, 3) * self.bar
        self.fake.fault("market", "halt", symbol=self._symbol(), until=until)
        return "a symbol is halted"

    def _caught(self, _close: datetime) -> str:
        # One that nothing is held of: an entry that is sent meanwhile rests, and its bar ends.
        flat = [symbol for symbol in self.fake.tape.symbols if not self.fake.positions().get(symbol)]
        symbol = self.draw.choice(flat or self.fake.tape.symbols)
        until = self.fake.now + self.draw.randint(2, 5) * self.bar
        self.fake.fault("market", "halt", symbol=symbol, until=until)
        return "a symbol is halted before an entry"

    def _close(self, _close: datetime) -> str:
        self.fake.fault("market", "close", until=self.fake.now + self.draw.randint(1, 3) * self.bar)
        return "an unscheduled close"

    def _skew(self, _close: datetime) -> str:
        self.fake.fault("market", "skew", seconds=self.draw.choice((-5.0, 3.0, 30.0)))
        self._lasting.append((self.looks + 3, lambda: setattr(self.fake, "skew", 0.0)))
        return "clocks differ"

    def _blocked(self, _close: datetime) -> str:
        self.fake.fault("account", "set", set={"trading_blocked": True})
        undo = lambda: self.fake.settings.account.update(trading_blocked=False)  # noqa: E731
        self._lasting.append((self.looks + 3, undo))
        return "the account is blocked"
