"""The broker changes its contract, one place at a time: nothing crashes, nothing is read that was not said.

Each true answer of the fake is taken apart into mutants (`tests/live/drift.py`), which are read twice: all
of them by the account over a network of one stub, and some of each field over real sockets. What may come
out is written down per route: `Unreachable`, or a reading in which the changed field says nothing. A write
becomes UNKNOWN, or stays ACCEPTED where the change is in no name of it; it never becomes REJECTED.
"""

from collections import Counter
from dataclasses import fields
from decimal import Decimal

import pytest
from alpaca.trading.client import TradingClient

from live.account_payloads import account_of, asset_of
from live.alpaca import AlpacaAccount
from live.findings import Act, Policy
from live.holdings import Holding
from live.line import Line
from live.order_states import ENDED, Tracked, report
from live.orders import Outcome
from live.pace import Pace
from live.payloads import BrokerOrder, order_of, orders_of, positions_of
from live.reconcile import reconcile
from live.talk import Talk
from live.transitions import State
from research.errors import OnepathError, Unreachable
from tests.live.canary import KEY, SECRET
from tests.live.drift import GONE, NUMBERS, STRANGE, additions, mutants, told, tops
from tests.live.true_answers import BUY, FIRST, account_with, truth, world

FLAGS = {"is_open"}  # of these, true and false are both words of theirs


# --- what may come out -------------------------------------------------------------------------


def nothing(value):
    return value in (None, "", 0, ())


def faithful(said: BrokerOrder, true: BrokerOrder, new) -> bool:
    """Say whether each field of an order says the truth, or nothing, or the very word that was put there."""
    for name in (field.name for field in fields(BrokerOrder)):
        value, was = getattr(said, name), getattr(true, name)
        if name == "faults" or value == was or nothing(value):
            continue
        legs = (*true.legs, BrokerOrder())
        if name == "legs" and all(any(faithful(leg, other, new) for other in legs) for leg in value):
            continue
        if isinstance(new, str) and str(value).casefold() == new.casefold():
            continue
        return False
    return True


def sound_account(found, place, new):
    facts, true = account_of(found), account_of(truth().account)
    guards = {"status", "trading_blocked", "account_blocked", "trade_suspended_by_user"}
    return (
        (bool(facts.faults) or place[0] not in guards)
        and facts.equity in (true.equity, None)
        and facts.buying_power in (true.buying_power, None)
        and facts.last_equity in (true.last_equity, None)
        and facts.cash in (true.cash, None)
        and facts.shorting in (true.shorting, False)
    )


def sound_clock(found, place, new):
    return found == account_with(truth().clock).clock()


def sound_calendar(found, place, new):
    return isinstance(found, list) and all(isinstance(row, dict) for row in found)


def sound_asset(found, place, new):
    said, true = asset_of(found), asset_of(truth().asset)
    names = ("active", "tradable", "shortable", "fractionable")
    return all(not getattr(said, n) or getattr(true, n) for n in names) and (
        place[0] not in {"status", "tradable"} or not (said.active and said.tradable)
    )


def before():
    """Return what the journal knew: both orders live, nothing of the second filled."""
    orders = {
        "PP-oco": Tracked("PP-oco", "AAA", -1, Decimal(10), State.LIVE),
        "PP-part": Tracked("PP-part", "BBB", 1, Decimal(10), State.LIVE),
    }
    return orders, {"AAA": Holding(Decimal(10), Decimal(100))}


def reconciled(said_orders, said_positions, *, again):
    first = reconciled(said_orders, said_positions, again=False) if again else None
    orders, holdings = before()
    return reconcile(
        orders, holdings, said_orders, said_positions,
        prefix="PP-", symbols={"AAA", "BBB"}, policy=Policy(drift=Act.HALT), first=first,
    )  # fmt: skip


def sound_reconciled(now):
    """Nothing has ended, nothing is flat, and what is not understood is asked for, locked, or halts."""
    for name, order in now.orders.items():
        if name in before()[0]:
            understood = order.state in {State.PARTIAL, State.UNCLEAR} or name == "PP-oco"
            if order.state in ENDED or not (understood or name in now.ask or "" in now.ask or now.halted):
                return False
    held = {symbol: holding.quantity for symbol, holding in now.holdings.items()}
    return held.get("AAA") == 10 and held.get("BBB", 0) in {0, 5} and not now.flatten


def sound_orders(found, place, new):
    true = orders_of(truth().orders)
    faith = all(any(faithful(order, other, new) for other in true) for order in found)
    positions = positions_of(truth().positions)
    # Of a list that has lost an order the rest is true; one that says nothing at all is never "no orders".
    return faith and all(
        sound_reconciled(reconciled(found, positions, again=again)) for again in (False, True)
    )


def sound_positions(found, place, new):
    orders = orders_of(truth().orders)
    return all(sound_reconciled(reconciled(orders, found, again=again)) for again in (False, True))


def sound_report(name):
    """Return the check of one order's answer: an end only where there is one, shares only those executed."""

    def check(found, place, new):
        true = order_of(getattr(truth(), name))
        if found is None or not faithful(found, true, new):
            return False
        assert true.quantity is not None
        order = Tracked(true.client_id, true.symbol, true.side, true.quantity, State.LIVE)
        meant, step = report(order, true).order, report(order, found)
        states = {State.LIVE, State.UNCLEAR, State.PARTIAL, meant.state}
        return step.order.state in states and step.order.filled in {Decimal(0), meant.filled}

    return check


def sound_submit(found, place, new):
    if found.outcome is Outcome.UNKNOWN:
        return True
    true = order_of(truth().submitted)
    named = place[0] not in {"id", "client_order_id"} or new in ("moonlit", "NaN")
    return found.outcome is Outcome.ACCEPTED and named and faithful(found.order, true, new)


ROUTES = {
    "account": (lambda a: a.account(), sound_account),
    "clock": (lambda a: a.clock(), sound_clock),
    "calendar": (lambda a: a.calendar(FIRST, FIRST), sound_calendar),
    "asset": (lambda a: a.asset("AAA"), sound_asset),
    "orders": (lambda a: a.open_orders(), sound_orders),
    "positions": (lambda a: a.positions(), sound_positions),
    "filled": (lambda a: a.order("PP-buy"), sound_report("filled")),
    "part": (lambda a: a.order("PP-part"), sound_report("part")),
    "oco": (lambda a: a.order("PP-oco"), sound_report("oco")),
    "submitted": (lambda a: a.submit(BUY), sound_submit),
}  # fmt: skip
OVER_SOCKETS = {
    "account": "GET /v2/account", "clock": "GET /v2/clock", "calendar": "GET /v2/calendar",
    "asset": "GET /v2/assets/AAA", "orders": "GET /v2/orders", "positions": "GET /v2/positions",
    "part": "GET /v2/orders:by_client_order_id", "submitted": "POST /v2/orders",
}  # fmt: skip


def counted(counts):
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items()))


def heard(counts, ask, sound, changes):
    """Put each mutant to a route; return those that crashed or were misunderstood."""
    wrong = []
    for place, new, body in changes:
        counts["mutants"] += 1
        try:
            found = ask(account_with(body))
        except Unreachable:
            counts["unreachable"] += 1
        except OnepathError as problem:
            wrong.append(f"{told(place, new)}: {problem!r}")
        except Exception as problem:  # noqa: BLE001 - a crash is what is looked for
            counts["crashes"] += 1
            wrong.append(f"{told(place, new)}: {problem!r}"[:300])
        else:
            flag = isinstance(new, bool) and place[-1] in FLAGS
            if sound is not None and not flag and not sound(found, place, new):
                counts["misunderstood"] += 1
                wrong.append(f"{told(place, new)}: {found}"[:300])
    return wrong


# --- every mutant, at the parsers --------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_a_changed_field_crashes_nothing_and_is_not_misunderstood(route):
    ask, sound = ROUTES[route]
    true = getattr(truth(), route)
    counts: Counter[str] = Counter()
    wrong = heard(counts, ask, sound, mutants(true, STRANGE))
    wrong += heard(counts, ask, None, mutants(true, NUMBERS))
    assert not wrong, f"{counted(counts)}: " + "; ".join(wrong[:20])
    assert counts["mutants"] > 80, counted(counts)


@pytest.mark.parametrize("route", ROUTES)
def test_an_answer_that_is_something_else_is_no_answer(route):
    ask, _ = ROUTES[route]
    for _, new, body in tops(getattr(truth(), route)):
        try:
            found = ask(account_with(body))
        except Unreachable:
            continue
        assert route == "submitted", f"{told((), new)}: {found}"
        assert found.outcome is Outcome.UNKNOWN, told((), new)


@pytest.mark.parametrize("route", ROUTES)
def test_a_field_that_is_new_changes_nothing(route):
    ask, _ = ROUTES[route]
    true = getattr(truth(), route)
    found = ask(account_with(true))
    for place, new, body in additions(true):
        again = ask(account_with(body))
        reads = {"account": account_of, "asset": asset_of, "calendar": len}.get(route)
        if reads is not None:  # handed on as they came, for others to read
            assert reads(again) == reads(found), told(place, new)
        else:
            assert again == found, told(place, new)


# --- some mutants, over real sockets -----------------------------------------------------------


@pytest.mark.parametrize("route", OVER_SOCKETS)
def test_a_changed_field_over_real_sockets(route):
    ask, sound = ROUTES[route]
    counts: Counter[str] = Counter()
    wrong = []
    with world() as fake:
        talk = Talk(lambda: TradingClient(KEY, SECRET, url_override=fake.url, raw_data=True))
        account = AlpacaAccount(Line(talk, Pace(per_minute=10**6)))
        changes = list(mutants(getattr(truth(), route), [GONE, None, ["moonlit"]]))
        for place, new, body in changes:
            fake.script.clear()
            # "before": the broker itself does nothing, so each write could be sent again without a trace.
            fake.fault(OVER_SOCKETS[route], "200", body=body)
            wrong += heard(counts, lambda _: ask(account), sound, [(place, new, body)])
        talk.close()
        assert fake.log.count(OVER_SOCKETS[route]) == len(changes), "each is asked or sent once"
    assert not wrong, f"{counted(counts)}: " + "; ".join(wrong[:20])


@pytest.mark.parametrize("status", ["200", "404", "422", "503"])
def test_json_nested_without_end_is_no_answer(status):
    with world() as fake:
        talk = Talk(lambda: TradingClient(KEY, SECRET, url_override=fake.url, raw_data=True))
        account = AlpacaAccount(Line(talk, Pace(per_minute=10**6), patience=0.3))
        fake.fault("*", status, times=0, text='{"message": ' + "[" * 100_000 + "]" * 100_000 + "}")
        said = account.submit(BUY)
        # A definite refusal is one whatever page comes with it; that an id is taken must be readable.
        assert said.outcome is (Outcome.REJECTED if status == "404" else Outcome.UNKNOWN)
        assert len(said.problem) < 1000
        talk.close()


def test_legs_of_legs_without_end_are_left_out():
    order: dict = {"client_order_id": "PP-1", "legs": None}
    for _ in range(5000):
        order = {"client_order_id": "PP-1", "legs": [order]}
    said = order_of(order)
    assert said.client_id == "PP-1"
    assert said.legs[0].legs[0].legs[0].faults == ("legs was a nested list",)
