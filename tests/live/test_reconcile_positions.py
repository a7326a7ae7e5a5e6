"""Reconciliation of positions: drift by policy, splits, averages."""

import re
from dataclasses import replace

import pytest

from live.findings import Act, Finding, Kind, Policy, Reconciled
from live.holdings import Holding
from tests.live.reconciled import LIVE, a_position, an_order, kinds, met
from tests.live.risk_helpers import D


@pytest.mark.parametrize(("act", "quantity"), [(Act.ADOPT, 7), (Act.FLATTEN, 7), (Act.HALT, 10)])
def test_a_drift_goes_by_policy(act, quantity):
    ours = {"IBM": Holding(D(10), D(100))}
    found = met([], ours, [], [a_position(quantity="7", average="99")], Policy(drift=act))
    text = "IBM: 10 shares were held, the broker has 7"
    assert found.findings == [Finding(Kind.QUANTITY, act, "IBM", "", text)]
    assert found.holdings == {"IBM": Holding(D(7), D(99)) if quantity == 7 else Holding(D(10), D(100))}
    assert found.flatten == ({"IBM": D(-7)} if act is Act.FLATTEN else {})
    assert found.halted == (act is Act.HALT)
    assert ours == {"IBM": Holding(D(10), D(100))}  # what was given stays as it was


def test_a_position_that_is_gone():
    found = met([], {"IBM": Holding(D(10), D(100))}, policy=Policy(drift=Act.ADOPT))
    assert found.findings[0].text == "IBM: 10 shares were held, the broker has 0"
    assert found.holdings == {}
    assert met([], {"IBM": Holding(D(10), D(100))}, policy=Policy(drift=Act.FLATTEN)).flatten == {}


def test_a_short_position_that_nobody_knows_of_is_bought_back():
    found = met([], {}, [], [a_position(quantity="5", side="short")], Policy(drift=Act.FLATTEN))
    assert found.flatten == {"IBM": D(5)}


@pytest.mark.parametrize("act", [Act.NOTE, Act.HALT])
def test_a_position_in_a_symbol_that_is_not_ours(act):
    found = met([], {}, [], [a_position("TSLA")], Policy(Act.FLATTEN, act))
    text = "TSLA: 0 shares were held, the broker has 10; it is none of ours"
    assert found.findings == [Finding(Kind.FOREIGN_POSITION, act, "TSLA", "", text)]
    assert found.holdings == found.flatten == {}


def test_a_position_in_a_symbol_that_is_ours_no_more_leaves_our_holdings():
    held = {"XYZ": Holding(D(5), D(10)), "IBM": Holding(D(10), D(100))}
    found = met([], held, [], [a_position("XYZ", "7"), a_position()])
    assert [(f.kind, f.symbol) for f in found.findings] == [(Kind.FOREIGN_POSITION, "XYZ")]
    assert found.holdings == {"IBM": Holding(D(10), D(100))}


def test_what_an_open_order_may_explain_is_read_again():
    said = [an_order()]
    for quantity, explained in (("1", True), ("9", True), ("10", True), ("11", False)):
        found = met([LIVE], {}, said, [a_position(quantity=quantity)])
        assert kinds(found) == [("quantity", "ask" if explained else "halt")]
        assert found.ask == ({""} if explained else set())
        assert found.locked == ({"IBM"} if explained else set())
    assert (
        met([LIVE], {}, said, [a_position(quantity="9")])
        .findings[0]
        .text.endswith("an open order may explain it")
    )
    short = [a_position(quantity="9", side="short")]
    assert kinds(met([LIVE], {}, said, short)) == [("quantity", "halt")]  # a buy explains no fewer shares
    elsewhere = replace(LIVE, symbol="KO")
    assert kinds(met([elsewhere], {}, [an_order(symbol="KO")], [a_position()])) == [("quantity", "halt")]


@pytest.mark.parametrize("act", [Act.ADOPT, Act.FLATTEN, Act.HALT])
def test_at_the_second_reading_only_what_stayed_as_it_was_is_no_execution(act):
    """The first had (shares known, shares there); the order of 10 shares has 10 or 6 left at the second."""
    live, part = an_order(), an_order(status="partially_filled", filled="4", average="100")
    for before, said, there, acts in [
        ((0, 0), live, "10", False),  # executed between the orders and the positions of the second
        ((0, 4), part, "10", False),  # in pieces, at both readings
        ((0, 4), part, "8", False),  # as far apart as before, and yet not as it was
        ((0, 10), live, "10", True),  # its order has had the time to tell: it is another's
        ((4, 10), part, "10", True),
        ((0, 0), live, "11", True),  # more than the order asks for
    ]:
        first = Reconciled({}, {}, apart={"IBM": (D(before[0]), D(before[1]))})
        found = met([LIVE], {}, [said], [a_position(quantity=there)], Policy(drift=act), first=first)
        (drift,) = [f for f in found.findings if f.kind is Kind.QUANTITY]
        assert drift.act is (act if acts else Act.ASK), (before, there)
        assert bool(found.flatten) is (acts and act is Act.FLATTEN)
        assert found.locked == (set() if acts else {"IBM"})


def test_what_is_apart_is_told_whatever_becomes_of_it():
    held = {"IBM": Holding(D(10), D(100)), "KO": Holding(D(3), D(50))}
    found = met([], held, [], [a_position(quantity="7"), a_position("KO", "3", "50")])
    assert found.apart == {"IBM": (D(10), D(7))}
    hole = met([], held, ["x"], [a_position(quantity="7"), a_position("KO", "3", "50")])
    assert hole.apart == found.apart


def test_an_exit_under_way_explains_fewer_shares():
    sell = replace(LIVE, side=-1)
    found = met([sell], {"IBM": Holding(D(10), D(100))}, [an_order(side="sell")], [a_position(quantity="4")])
    assert kinds(found) == [("quantity", "ask")]


@pytest.mark.parametrize(("ratio", "before", "after", "average"), [
    ("2", "10", "20", "50"), ("4", "-10", "-40", "25"), ("0.5", "11", "5", "200"),
    ("1.5", "11", "16", "66.66"),
    ("0.1", "9", "0", None),
])  # fmt: skip
def test_a_split_is_taken_over(ratio, before, after, average):
    ours = {"IBM": Holding(D(before), D(100))}
    there = [a_position(quantity=after, average=average, side="")] if after != "0" else []
    found = met([], ours, [], there, splits={"IBM": D(ratio)})
    text = f"IBM: {before} shares were held, the broker has {after}, by a split of {ratio}"
    assert found.findings == [Finding(Kind.SPLIT, Act.APPLY, "IBM", "", text)]
    assert found.holdings == ({"IBM": Holding(D(after), D(average))} if after != "0" else {})


@pytest.mark.parametrize(
    ("new", "old", "before", "after"),
    [(1, 3, 300, 100), (1, 3, 299, 99), (1, 7, -70, -10), (4, 3, 300, 400), (4, 3, 301, 401), (1, 30, 29, 0)],
)
def test_a_ratio_without_a_last_digit_makes_whole_shares(new, old, before, after):
    there = [a_position(quantity=str(after), average=None, side="")] if after else []
    found = met([], {"IBM": Holding(D(before))}, [], there, splits={"IBM": D(new) / D(old)})
    assert kinds(found) == [("split", "apply")]
    assert found.holdings == ({"IBM": Holding(D(after))} if after else {})
    one_more = [a_position(quantity=str(after + 1), average=None, side="")]
    assert kinds(met([], {"IBM": Holding(D(before))}, [], one_more, splits={"IBM": D(new) / D(old)})) == [
        ("quantity", "halt")
    ]


def test_a_position_that_cannot_be_read_is_asked_for_once_and_compared_with_nothing():
    ours = {"IBM": Holding(D(10), D(100))}
    found = met([], ours, [], [a_position(quantity="many", average="much")])
    (finding,) = found.findings
    assert (finding.kind, finding.act, finding.symbol) == (Kind.UNREADABLE, Act.ASK, "IBM")
    assert re.fullmatch(r"\w+ was 'many'; \w+ was 'much'", finding.text), finding.text
    assert found.holdings == ours


def test_a_split_whose_average_was_not_told():
    there = [a_position(quantity="20", average=None)]
    found = met([], {"IBM": Holding(D(10), D(100))}, [], there, splits={"IBM": D(2)})
    assert found.holdings == {"IBM": Holding(D(20), D(50))}
    found = met([], {"IBM": Holding(D(10))}, [], there, splits={"IBM": D(2)})
    assert found.holdings == {"IBM": Holding(D(20))}


def test_a_split_that_explains_too_little_or_that_was_not_announced_is_a_drift():
    ours = {"IBM": Holding(D(10), D(100))}
    assert kinds(met([], ours, [], [a_position(quantity="21")], splits={"IBM": D(2)})) == [
        ("quantity", "halt")
    ]
    assert kinds(met([], ours, [], [a_position(quantity="20")], splits={"KO": D(2)})) == [
        ("quantity", "halt")
    ]
    assert kinds(met([], ours, [], [a_position(quantity="20")])) == [("quantity", "halt")]


def test_a_split_that_was_taken_over_already_is_nothing():
    ours = {"IBM": Holding(D(20), D(50))}
    assert met([], ours, [], [a_position(quantity="20", average="50")], splits={"IBM": D(2)}).findings == []


@pytest.mark.parametrize(("quantity", "new", "average", "is_split"), [
    ("1", "1.5", "66.667", True), ("-1", "1.5", "66.667", True), ("2", "1.25", "80", True),
    ("2", "1.5", "66.667", False),  # two become three
    ("1", "1.5", "80", False), ("1", "1.5", "100", False), ("1", "1.5", None, False),
])  # fmt: skip
def test_a_split_that_leaves_the_shares_as_they_were_is_seen_by_their_average(
    quantity, new, average, is_split
):
    there = [a_position(quantity=quantity, average=average, side="")]
    found = met([], {"IBM": Holding(D(quantity), D(100))}, [], there, splits={"IBM": D(new)})
    assert found.splits == ({"IBM": D(new)} if is_split else {})
    assert ("split", "apply") in kinds(found) or not is_split
    assert found.holdings["IBM"] == Holding(D(quantity), D(average or 100))


def test_what_was_executed_since_the_last_look_came_before_a_split_or_after_it():
    """A sale of 3 of 17 shares, at three for two: of 14 are left 21, of 25 are left 22."""
    ours, order = {"IBM": Holding(D(17), D(90))}, replace(LIVE, side=-1, quantity=D(3))
    sold = an_order(side="sell", qty="3", status="filled", filled="3", average="61")
    for left, is_split in (("21", True), ("22", True), ("23", False)):
        there = [a_position(quantity=left, average="60")]
        found = met([order], ours, [sold], there, splits={"IBM": D("1.5")})
        assert (("split", "apply") in kinds(found)) is is_split
        assert found.holdings["IBM"].quantity == (D(left) if is_split else 14)


def test_what_was_bought_since_the_last_look_is_split_though_nothing_was_held_then():
    bought = an_order(status="filled", filled="10", average="100")
    for left, is_split in (("20", True), ("10", False), ("19", False)):
        found = met([LIVE], {}, [bought], [a_position(quantity=left)], splits={"IBM": D(2)})
        assert (("split", "apply") in kinds(found)) is is_split
        assert found.holdings["IBM"].quantity == (20 if is_split else 10)


@pytest.mark.parametrize(("ours", "theirs", "differs"), [
    ("100.01", "100", False), ("100.0101", "100", True), ("99.9899", "100", True), (None, "100", True),
    (None, None, False), ("100", None, False),
])  # fmt: skip
def test_an_average_that_differs_is_taken_over(ours, theirs, differs):
    held = Holding(D(10), ours and D(ours))
    found = met([], {"IBM": held}, [], [a_position(average=theirs)])
    assert kinds(found) == ([("average", "apply")] if differs else [])
    assert found.holdings == {"IBM": Holding(D(10), D(100)) if differs else held}


def test_an_average_in_words():
    found = met([], {"IBM": Holding(D(10), D(101))}, [], [a_position()])
    assert found.findings == [
        Finding(Kind.AVERAGE, Act.APPLY, "IBM", "", "IBM: average was 101, the broker has 100")
    ]
