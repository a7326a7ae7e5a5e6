"""Reconciliation: each kind of difference in orders, holes in the answers, and random histories."""

import random
from dataclasses import replace

import pytest

from live.findings import Act, Finding, Kind, Policy, Reconciled
from live.holdings import FLAT, Holding, booked
from live.order_states import Execution, Tracked
from live.payloads import orders_of, positions_of
from live.reconcile import reconcile
from live.transitions import State
from tests.live.reconciled import LIVE, a_position, an_order, kinds, met
from tests.live.risk_helpers import D


def test_nothing_differs():
    found = met([LIVE], {"IBM": Holding(D(10), D(100))}, [an_order()], [a_position()])
    assert found.findings == []
    assert found.orders["XX-1"] == replace(LIVE, broker_id="bXX-1")
    assert found.holdings == {"IBM": Holding(D(10), D(100))}
    assert not found.halted
    assert found.ask == found.locked == set()
    assert found.flatten == {}


def test_nothing_at_all():
    assert met() == Reconciled({}, {})


# --- orders -----------------------------------------------------------------------------------------


def test_a_missed_fill_is_booked():
    found = met(
        [LIVE], {}, [an_order(status="filled", filled="10", average="100.5")], [a_position(average="100.5")]
    )
    assert kinds(found) == [("missed fill", "apply"), ("order moved", "apply")]
    assert [f.text for f in found.findings] == [
        "order XX-1 executed 10 shares at 100.5000", "order XX-1 was live, is filled",
    ]  # fmt: skip
    assert {f.client_id for f in found.findings} == {"XX-1"}
    assert found.executions == [("XX-1", Execution(D(10), D("100.5")))]
    assert found.holdings == {"IBM": Holding(D(10), D("100.5"))}
    assert found.orders["XX-1"].state is State.FILLED


def test_a_second_time_finds_nothing():
    said, held = [an_order(status="filled", filled="10", average="100.5")], [a_position(average="100.5")]
    found = met([LIVE], {}, said, held)
    again = met(found.orders.values(), found.holdings, said, held)
    assert again.findings == again.executions == []
    assert (again.orders, again.holdings) == (found.orders, found.holdings)


def test_a_sell_that_was_missed_closes():
    sell = Tracked("XX-2", "IBM", -1, D(10), State.LIVE)
    found = met([sell], {"IBM": Holding(D(10), D(90))}, [an_order("XX-2", "filled", "10", "99", side="sell")])
    assert found.holdings == {}
    assert [f.act for f in found.findings] == [Act.APPLY, Act.APPLY]


@pytest.mark.parametrize("state", State)
def test_an_open_order_that_was_not_told_of_is_asked_for(state):
    found = met([replace(LIVE, state=state)])
    ended = {State.FILLED, State.CANCELLED, State.EXPIRED, State.REPLACED, State.REJECTED, State.REFUSED}
    if state in ended | {State.NEW}:
        assert found.findings == []
    else:
        text = f"order XX-1 ({state}) was not told of"
        assert found.findings == [Finding(Kind.MISSING_ORDER, Act.ASK, "IBM", "XX-1", text)]
        assert found.ask == {"XX-1"}
        assert found.locked == {"IBM"}


def test_an_order_in_doubt_is_found_and_frees_its_symbol():
    doubt = replace(LIVE, state=State.UNKNOWN)
    assert met([doubt], {}, [an_order()]).locked == set()
    assert met([doubt], {}, [an_order(status="moonlit")]).locked == {"IBM"}


def test_a_stray_of_ours_is_adopted():
    found = met([], {}, [an_order("XX-9", "partially_filled", "4", "100")], [a_position(quantity="4")])
    assert kinds(found) == [("stray order", "adopt"), ("missed fill", "apply"), ("order moved", "apply")]
    assert found.findings[0].text == "order XX-9 (partially_filled) is ours and was not in the journal"
    assert found.findings[2].text == "order XX-9 was unknown, is partial"
    assert {(f.symbol, f.client_id) for f in found.findings} == {("IBM", "XX-9")}
    assert found.orders["XX-9"] == Tracked(
        "XX-9", "IBM", 1, D(10), State.PARTIAL, "bXX-9", D(4), D(100)
    )  # fmt: skip
    assert found.holdings == {"IBM": Holding(D(4), D(100))}


@pytest.mark.parametrize("name", ["symbol", "side", "qty"])
def test_a_stray_that_says_too_little_is_asked_for(name):
    found = met([], {}, [an_order("XX-9", **{name: None})])
    assert kinds(found) == [("unreadable", "ask")]
    text, symbol = "order XX-9 is ours and lacks symbol, side or quantity", "" if name == "symbol" else "IBM"
    assert found.findings == [Finding(Kind.UNREADABLE, Act.ASK, symbol, "XX-9", text)]
    assert found.orders == {}


def test_the_legs_of_ours_are_ours():
    guard = Tracked("XX-1", "IBM", -1, D(10), State.LIVE)
    leg = an_order("6b1f", "filled", "10", "95", side="sell")
    said = an_order(status="canceled", side="sell", legs=[leg])
    found = met([guard], {"IBM": Holding(D(10), D(100))}, [said])
    assert found.orders["6b1f"].state is State.FILLED
    assert found.holdings == {}
    # From then on it is known by its own id.
    assert met(found.orders.values(), {}, [said]).findings == []
    assert met(found.orders.values(), {}, [leg]).findings == []


def test_the_order_of_the_list_is_kept():
    found = met([], {}, [an_order("XX-1", legs=[an_order("a"), an_order("b")]), an_order("XX-2")])
    assert [f.client_id for f in found.findings if f.kind is Kind.STRAY_ORDER] == ["XX-1", "a", "b", "XX-2"]


@pytest.mark.parametrize("act", [Act.NOTE, Act.HALT])
def test_somebody_elses_order_locks_its_symbol(act):
    found = met([], {}, [an_order("web-1", legs=[an_order("web-2", "filled")])], policy=Policy(foreign=act))
    assert found.findings == [
        Finding(Kind.FOREIGN_ORDER, act, "IBM", "web-1", "order web-1 (new) is none of ours"),
        Finding(Kind.FOREIGN_ORDER, Act.LOCK, "IBM", "web-1", "its symbol is locked meanwhile"),
    ]
    assert found.locked == {"IBM"}
    assert found.halted == (act is Act.HALT)
    assert found.orders == {}


@pytest.mark.parametrize("status", ["filled", "canceled", "expired", "replaced", "rejected"])
def test_somebody_elses_order_that_ended_is_nothing(status):
    assert met([], {}, [an_order("web-1", status)]).findings == []


def test_somebody_elses_order_without_a_status_is_taken_for_open():
    found = met([], {}, [an_order("web-1", None)])
    assert found.findings[0].text == "order web-1 (no status) is none of ours"


@pytest.mark.parametrize(("change", "kind", "act"), [
    ({"symbol": "KO"}, "other order", "halt"), ({"qty": "11"}, "other order", "halt"),
    ({"side": "sell"}, "other order", "halt"), ({"limit_price": "x"}, "unreadable", "note"),
])  # fmt: skip
def test_troubles_of_an_order(change, kind, act):
    found = met([LIVE], {}, [an_order(**change)])
    assert kinds(found) == [(kind, act)]
    assert (found.findings[0].symbol, found.findings[0].client_id) == ("IBM", "XX-1")
    assert found.findings[0].text.startswith("order XX-1: ")
    assert found.halted == (act == "halt")


def test_more_shares_than_asked_for_halt():
    found = met(
        [LIVE], {}, [an_order(status="filled", filled="11", average="100")], [a_position(quantity="11")]
    )
    assert ("overfilled", "halt") in kinds(found)
    assert found.halted
    assert found.holdings["IBM"].quantity == 11


def test_a_contradiction_is_told():
    ended = replace(LIVE, state=State.CANCELLED)
    found = met([ended], {}, [an_order(status="filled", filled="10", average="100")], [a_position()])
    assert ("contradiction", "note") in kinds(found)
    assert not found.halted


# --- holes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [Policy(drift=act) for act in (Act.ADOPT, Act.FLATTEN, Act.HALT)])
@pytest.mark.parametrize(("said", "positions"), [
    ([7], [a_position(quantity="3")]), ([an_order(None)], [a_position(quantity="3")]),
    ([], [a_position(quantity="3"), "x"]), ([], [a_position("KO", None), a_position(quantity="3")]),
    ([], [a_position(quantity="3"), a_position("KO"), a_position("KO")]),
    ([], [a_position(quantity="3"), a_position("KO", side="both")]), ([], [{**a_position(), "symbol": None}]),
])  # fmt: skip
def test_a_hole_in_the_answers_adopts_and_flattens_nothing(said, positions, policy):
    held = {"IBM": Holding(D(10), D(100))}
    found = met([], held, said, positions, policy, first=met([], held, said, positions, policy))
    assert {f.act for f in found.findings if f.symbol != "KO"} == {Act.ASK}
    assert found.flatten == {}
    assert found.holdings["IBM"] == Holding(D(10), D(100))
    assert "" in found.ask
    assert "IBM" in found.locked
    assert "" not in found.locked


def test_holes_in_words():
    found = met([], {}, [{"symbol": "IBM"}, 7], [{"qty": "1"}, {"symbol": "KO"}, 8]).findings
    assert {(f.kind, f.act, f.client_id) for f in found} == {(Kind.UNREADABLE, Act.ASK, "")}
    assert [f.symbol for f in found] == ["IBM", "", "", "KO", ""]
    said = [f.text for f in found]
    assert said == [
        "an order without client_order_id", "an order was 7",
        "position of no symbol without a quantity, or twice",
        "position of KO without a quantity, or twice", "a position was 8",
    ]  # fmt: skip
    found = met([], {}, [7], [a_position(quantity="3")])
    text = "IBM: 0 shares were held, the broker has 3; its answers have a hole"
    assert found.findings[-1] == Finding(Kind.QUANTITY, Act.ASK, "IBM", "", text)


def test_all_that_could_not_be_read_of_an_order_without_an_id_is_told():
    found = met([], {}, [an_order("", qty="a lot", filled_qty="many", client_order_id=None)])
    assert [f.text for f in found.findings] == ["qty was 'a lot'; filled_qty was 'many'"]


def test_an_answer_that_is_no_list_is_a_hole():
    found = reconcile(
        {}, {"IBM": Holding(D(10), D(100))}, orders_of({"message": "later"}), positions_of(None),
        prefix="XX-", symbols={"IBM"}, policy=Policy(drift=Act.FLATTEN),
    )  # fmt: skip
    assert {f.act for f in found.findings} == {Act.ASK}


FIELDS = sorted(set(an_order()) | {"updated_at"})


@pytest.mark.parametrize("value", [None, "moonlit", -1, [], {"x": 1}, float("nan")])
@pytest.mark.parametrize("name", FIELDS)
def test_drift_of_the_contract_flattens_and_adopts_nothing_wrong(name, value):
    """One field gone or of another make: whatever is taken over is what the broker holds."""
    said = an_order(status="filled", filled="10", average="100", updated_at="2026-11-20T17:00:00Z", moon=1)
    for policy in (Policy(drift=Act.FLATTEN), Policy(drift=Act.ADOPT)):
        found = met([LIVE], {}, [{**said, name: value}], [a_position()], policy)
        assert found.flatten == {}
        assert found.holdings.get("IBM", FLAT).quantity in {0, 10}
        assert found.orders["XX-1"].state is not State.NEW


# --- random histories -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_after_reconciliation_the_journal_is_the_broker(seed):
    """A broker trades on, we hear of some of it, in pieces; one reconciliation makes the two equal."""
    draw = random.Random(seed)
    truth = dict.fromkeys(("IBM", "KO"), FLAT)
    theirs: dict[str, dict] = {}
    ours: dict[str, Tracked] = {}
    holdings: dict[str, Holding] = {}
    for number in range(30):
        symbol, side, shares = draw.choice(("IBM", "KO")), draw.choice((1, -1)), draw.randint(1, 9)
        name = f"XX-{number}"
        ours[name] = Tracked(name, symbol, side, D(shares), State.UNKNOWN)
        filled, cost = 0, 0
        for _ in range(draw.randint(0, 2)):
            piece, cents = draw.randint(0, shares - filled), draw.randint(9000, 11000)
            if piece:
                truth[symbol] = booked(truth[symbol], side, Execution(D(piece), D(cents) / 100))
            filled, cost = filled + piece, cost + piece * cents
            status = "filled" if filled == shares else "partially_filled" if filled else "new"
            theirs[name] = an_order(
                name, status, str(filled), str(D(cost) / 100 / filled) if filled else None,
                symbol=symbol, side="buy" if side > 0 else "sell", qty=str(shares),
            )  # fmt: skip
            if draw.random() < 0.4:
                heard = met([ours[name]], holdings, [theirs[name]])
                ours, holdings = {**ours, **heard.orders}, {**holdings}
                for _, done in heard.executions:
                    holdings[symbol] = booked(holdings.get(symbol, FLAT), side, done)
        if name not in theirs:
            del ours[name]  # it never arrived
        elif draw.random() < 0.1:
            lost = ours.pop(name)  # and the journal forgot it
            if lost.filled:
                ours[name] = lost
    positions = [
        a_position(s, str(abs(h.quantity)), str(h.average), side="long" if h.quantity > 0 else "short")
        for s, h in truth.items() if h.quantity
    ]  # fmt: skip
    found = met(ours.values(), holdings, theirs.values(), positions)
    assert not [f for f in found.findings if f.act not in {Act.APPLY, Act.ADOPT}]
    assert not [f for f in found.findings if f.kind is Kind.QUANTITY]
    assert {s: h.quantity for s, h in found.holdings.items()} == {
        s: h.quantity for s, h in truth.items() if h.quantity
    }
    assert met(found.orders.values(), found.holdings, theirs.values(), positions).findings == []
