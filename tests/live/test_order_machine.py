"""The order machine against a model of an order, and under reports in any order."""

import random
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from live.order_states import (
    ENDED,
    Step,
    Tracked,
    act,
    report,
)  # fmt: skip
from live.payloads import BrokerOrder
from live.transitions import Event, State
from tests.live.order_reports import D, said, sent, told

ENDS = ("filled", "canceled", "expired", "replaced", "rejected")


class Machine(RuleBasedStateMachine):
    """A broker that moves an order on by itself, and reports that come late, twice, undated or never.

    The model is the broker: a word, a count of shares, their cost in cents and a clock.
    """

    def __init__(self):
        super().__init__()
        self.order = Tracked("XX-1", "IBM", 1, D(10))
        self.there, self.word, self.filled, self.cents, self.clock = False, "new", 0, 0, 0
        self.past, self.executed, self.cost, self.copies = [], D(0), D(0), 0
        self.best = self.order

    def _keep(self):
        self.clock += 1
        self.past.append(self._now())

    def _now(self):
        average = str(D(self.cents) / 100 / self.filled) if self.filled else None
        return said(self.word, str(self.filled), average, at=self.clock)

    def _take(self, one):
        step = report(self.order, one)
        assert not step.troubles, step.troubles
        if step.executed:
            self.executed += step.executed.quantity
            self.cost += step.executed.quantity * step.executed.price
        assert report(step.order, one) == Step(step.order)  # twice is once
        self.order = step.order

    @precondition(lambda self: self.order.state is State.NEW)
    @rule(arrives=st.booleans(), answered=st.booleans())
    def send(self, arrives, answered):
        self.order = act(self.order, Event.SENDING).order
        if self.there:
            self.order = act(self.order, Event.DUPLICATE).order
        elif arrives:
            self.there, self.copies = True, self.copies + 1
            self._keep()
            if answered:
                self._take(self._now())
                return
        self.order = act(self.order, Event.DOUBTED).order

    @precondition(lambda self: self.there and self.word not in ENDS)
    @rule(word=st.sampled_from(["new", "pending_cancel", "pending_replace", "moonlit"]))
    def move(self, word):
        self.word = "partially_filled" if word == "new" and self.filled else word
        self._keep()

    @precondition(lambda self: self.there and self.word not in ENDS and self.filled < 9)
    @rule(shares=st.integers(1, 3), cents=st.integers(9000, 11000))
    def fill(self, shares, cents):
        shares = min(shares, 9 - self.filled)
        self.filled, self.cents, self.word = (
            self.filled + shares,
            self.cents + shares * cents,
            "partially_filled",
        )
        self._keep()

    @precondition(lambda self: self.there and self.word not in ENDS)
    @rule(word=st.sampled_from(ENDS))
    def end(self, word):
        if word == "filled":
            self.cents, self.filled = self.cents + (10 - self.filled) * 10000, 10
        if word == "rejected" and self.filled:
            word = "canceled"
        self.word = word
        self._keep()

    @precondition(lambda self: self.past and self.order.state is not State.NEW)
    @rule(data=st.data(), dated=st.booleans())
    def hear(self, data, dated):
        """Hear any report of the past, in any order; the broker may have left its date out."""
        one = data.draw(st.sampled_from(self.past))
        self._take(one if dated else replace(one, updated_at=None))

    @precondition(lambda self: self.order.state in {State.LIVE, State.PARTIAL})
    @rule()
    def cancel(self):
        self.order = act(self.order, Event.CANCEL_SENT).order

    @precondition(lambda self: self.order.state is State.UNKNOWN and not self.there)
    @rule()
    def ask(self):
        self.order = act(self.order, Event.ABSENT).order

    @precondition(lambda self: self.there and self.order.state is not State.NEW)
    @rule()
    def poll(self):
        """The truth, dated now: whatever was heard before, this is what is known after."""
        self.clock += 1
        self._take(self._now())
        expected = {
            "new": State.LIVE, "partially_filled": State.PARTIAL, "pending_cancel": State.CANCELLING,
            "pending_replace": State.REPLACING, "moonlit": State.UNCLEAR, "filled": State.FILLED,
            "canceled": State.CANCELLED, "expired": State.EXPIRED, "replaced": State.REPLACED,
            "rejected": State.REJECTED,
        }  # fmt: skip
        assert self.order.state is expected[self.word]
        assert self.order.filled == self.filled
        assert self.executed == self.filled
        assert abs(self.cost * 100 - self.cents) < D("1e-15")

    @invariant()
    def nothing_runs_backwards(self):
        assert self.copies <= 1
        assert self.order.filled >= self.best.filled
        assert self.order.filled <= self.filled
        if self.best.state in ENDED:
            assert self.order.state is self.best.state
        if self.best.state not in {State.NEW, State.UNKNOWN}:
            assert self.order.state is not State.NEW
        self.best = self.order


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30)


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_reports_ends_in_the_same_place(seed):
    draw = random.Random(seed)
    story = [
        said("new", at=1), said("partially_filled", "3", "100", at=2),
        said("pending_cancel", "3", "100", at=3),
        said("partially_filled", "6", "101", at=4), said("canceled", "6", "101", at=5),
    ]  # fmt: skip
    heard = story * 2
    draw.shuffle(heard)
    order, executed, _ = told(sent(), *heard)
    assert order == told(sent(), *story)[0]
    assert sum(e.quantity for e in executed) == 6
    assert sum(e.quantity * e.price for e in executed) == 606
    assert BrokerOrder() not in heard
