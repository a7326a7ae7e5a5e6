"""The same for the calendar's rows and for corporate actions: what cannot be read is no day and no split."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest

from live.actions import splits_on
from live.drifts import splits_of
from live.findings import Act, Policy
from live.holdings import Holding
from live.payloads import BrokerPosition
from live.reconcile import reconcile
from live.schedule import Hours, Schedule
from research.errors import Unreachable
from tests.fake_alpaca.worlds import at
from tests.live.crossing import story
from tests.live.drift import GONE, NUMBERS, STRANGE, additions, mutants, told, tops
from tests.live.true_answers import SPLIT, account_with, line_with, truth

HOURS = [Hours(at(3, "09:30"), at(3, "16:00")), Hours(at(4, "09:30"), at(4, "13:00"))]
SPLITS = {"AAA": Decimal(2), "BBB": Decimal("0.1")}
HELD = {"AAA": Holding(Decimal(10), Decimal(100)), "BBB": Holding(Decimal(30), Decimal(5))}
AFTER = [
    BrokerPosition(symbol="AAA", quantity=Decimal(20), average=Decimal(50)),
    BrokerPosition(symbol="BBB", quantity=Decimal(3), average=Decimal(50)),
]


def schedule(body):
    return Schedule.of(account_with(body).calendar(SPLIT, SPLIT), None)


def splits(body):
    return splits_on(line_with(body), ("AAA", "BBB"), SPLIT)


# --- calendar ----------------------------------------------------------------------------------


def test_the_truth_is_a_day_and_half_a_day():
    assert schedule(truth().calendar).hours == HOURS


@pytest.mark.parametrize("values", [STRANGE, NUMBERS])
def test_a_changed_field_of_a_session_leaves_no_wrong_hours(values):
    counts: Counter[str] = Counter()
    for place, new, body in mutants(truth().calendar, values):
        counts["mutants"] += 1
        try:
            hours = schedule(body).hours
        except Unreachable:
            counts["unreachable"] += 1
            continue
        unread = place[-1] not in {"date", "open", "close"}  # what nobody reads may say anything
        fewer = [session for k, session in enumerate(HOURS) if (k,) != place]
        assert hours == (HOURS if len(place) == 2 and unread else fewer), told(place, new)
        assert unread, told(place, new)
    assert counts["mutants"] > counts["unreachable"] > 80, counts


def test_a_calendar_that_lacks_a_session_agrees_with_no_other():
    whole = schedule(truth().calendar)
    for k, now in enumerate([at(3, "12:00"), at(4, "12:00")]):
        lacking = schedule([row for i, row in enumerate(truth().calendar) if i != k])
        assert lacking.around(now) != whole.around(now)
        clock = account_with(truth().clock).clock()
        assert not lacking.session(now, clock, whole).agrees


def test_a_calendar_that_is_none():
    for _, new, body in tops(truth().calendar):
        with pytest.raises(Unreachable):
            pytest.fail(f"{told((), new)}: {schedule(body).hours}")


def test_fields_that_are_new_change_no_session():
    for place, new, body in additions(truth().calendar):
        assert schedule(body).hours == HOURS, told(place, new)


# --- corporate actions -------------------------------------------------------------------------


def flattened(found):
    """Return what is done about positions that were split, if a drift is closed at the market."""
    now = reconcile(
        {}, HELD, [], AFTER,
        prefix="PP-", symbols={"AAA", "BBB"}, policy=Policy(drift=Act.FLATTEN),
        splits=found | splits_of(HELD, AFTER),
    )  # fmt: skip
    assert {symbol: held.quantity for symbol, held in now.holdings.items()} == {"AAA": 20, "BBB": 3}
    return now.flatten


def test_the_truth_is_two_splits():
    assert splits(truth().actions) == SPLITS
    assert flattened(SPLITS) == {}


@pytest.mark.parametrize("values", [STRANGE, NUMBERS])
def test_a_changed_field_of_a_split_makes_no_other_split(values):
    counts: Counter[str] = Counter()
    rates = {"new_rate", "old_rate"}
    for place, new, body in mutants(truth().actions, values):
        counts["mutants"] += 1
        try:
            found = splits(body)
        except Unreachable:
            counts["unreachable"] += 1
            continue
        assert flattened(found) == {}, told(place, new)
        if values is NUMBERS and place[-1] in rates:
            continue  # a rate that can be read is taken at its word; positions decide
        assert found.items() <= SPLITS.items(), told(place, new)
        if found != SPLITS:
            # Nothing of the kind, one row less, or another symbol's: each may be true.
            counts["fewer"] += 1
            absent = new is GONE or new is None or new == []
            other = place[-1] == "symbol" and isinstance(new, str)
            assert absent or other or place == ("corporate_actions",), told(place, new)
    assert counts["unreachable"] > 60, counts


def test_corporate_actions_that_are_none():
    for _, new, body in tops(truth().actions):
        with pytest.raises(Unreachable):
            pytest.fail(f"{told((), new)}: {splits(body)}")


def test_fields_that_are_new_change_no_split():
    for place, new, body in additions(truth().actions):
        assert splits(body) == SPLITS, told(place, new)


@pytest.mark.parametrize(
    ("rate", "held", "becomes"), [("3", 300, 100), ("7", 70, 10), ("7", 71, 10), ("30", 299, 9)]
)
def test_a_ratio_without_a_last_digit_is_a_split_all_the_same(rate, held, becomes):
    row = {**truth().actions["corporate_actions"]["reverse_splits"][0], "symbol": "AAA", "old_rate": rate}
    found = splits({"corporate_actions": {"reverse_splits": [row]}})
    now = reconcile(
        {}, {"AAA": Holding(Decimal(held), Decimal(10))},
        [], [BrokerPosition(symbol="AAA", quantity=Decimal(becomes), average=10 * Decimal(rate))],
        prefix="PP-", symbols={"AAA"}, policy=Policy(drift=Act.FLATTEN), splits=found,
    )  # fmt: skip
    assert [str(finding.kind) for finding in now.findings] == ["split"]
    assert now.flatten == {}


@pytest.mark.parametrize("day", ["2026-03-02", "2026-03-04"])
def test_a_split_of_another_day_is_none_of_today(day):
    rows = [{**truth().actions["corporate_actions"]["forward_splits"][0], "ex_date": day}]
    assert splits({"corporate_actions": {"forward_splits": rows}}) == {}


# --- a trader that meets them ------------------------------------------------------------------


@pytest.mark.parametrize("route", ["GET /v2/calendar", "GET /v1/corporate-actions"])
def test_while_a_day_cannot_be_read_nothing_is_sent(tmp_path, route):
    with story(tmp_path) as it:
        it.decide()
        it.fake.advance_to((it.cross.close + timedelta(days=1)).replace(hour=0, minute=30))
        rows = [{"date": it.entry.date.isoformat(), "open": "09:30", "close": "16:00"}]
        split = {"symbol": "AAA", "ex_date": it.cross.date.isoformat(), "new_rate": 2, "old_rate": 1}
        true = rows if route.endswith("calendar") else {"corporate_actions": {"forward_splits": [split]}}
        met = 0
        for place, new, body in mutants(true, [GONE, "moonlit", ["moonlit"], {"moonlit": 1}]):
            if route.endswith("actions") and (
                (new is GONE and place[-1] in {0, "forward_splits"})
                or (new == {"moonlit": 1} and place == ("corporate_actions",))
                or (new == "moonlit" and place[-1] == "symbol")
            ):
                continue  # no split of ours today: that may be so
            it.floor.trader._today._day = None  # else it is asked for once a day
            it.fake.script.clear()
            it.fake.fault(route, "200", body=body)
            it.floor.tick()
            assert it.sent == [], told(place, new)
            assert it.floor.rows("SELECT phase FROM pulse") == [("unreachable",)], told(place, new)
            met += 1
        assert met >= 12
        it.fake.script.clear()
        it.evening()
        assert len(it.entries) == 1


def test_a_position_that_was_split_wins_over_an_announcement_that_cannot_be_true(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        with it.fake.lock:
            held = it.fake.exchange.account.positions["AAA"]
            held.qty, held.average = 2 * held.qty, held.average / 2
        split = {"symbol": "AAA", "ex_date": it.entry.date.isoformat(), "new_rate": 7, "old_rate": 1}
        it.fake.fault(
            "GET /v1/corporate-actions", "200", body={"corporate_actions": {"forward_splits": [split]}}
        )
        it.floor.trader._today._day = None
        it.floor.tick()
        assert it.told("split") == [
            "AAA: 173 shares were held, the broker has 346, by a split of 2",
        ]
        assert it.told("quantity") == []
