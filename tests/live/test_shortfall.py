"""Implementation shortfall, against sums done by hand."""

import math

import pytest

from live.journal import Journal
from live.parity_report import suggestion
from live.shortfall import Shortfall, shortfalls, slippage, table_of
from tests.live.helpers import change

BAR = "INSERT INTO bars VALUES ({}, 'd{}', 'IBM', {}, {}, {}, {}, 1000, 1, {}, 0)"
ORDER = """INSERT INTO orders VALUES ('{}', {}, 'd{}', 'IBM', '{}', {}, {}, '{}', {}, {}, NULL, NULL, NULL,
    '{}', 1, '')"""
FILL = "INSERT INTO fills VALUES (NULL, '{}', {}, 'd{}', 'IBM', {}, {}, {}, {}, '{}', 0, {})"
DECISION = """INSERT INTO decisions VALUES ({}, 'd{}', 'IBM', '{{}}', 0, 0, 0, NULL, NULL, NULL, NULL, '',
    0, 0, '', {}, {})"""
TRACKED = """INSERT INTO tracked VALUES ('{}', '{}', 'IBM', 1, '40', 'enter', '{{}}', 'filled', '', '40',
    NULL, '', NULL, '')"""


def journal_of(tmp_path, *statements):
    """Write a journal of six bars of IBM: opens 10, 11, 12, 13, 14, 15; closes half a dollar above."""
    path = tmp_path / "run.sqlite"
    journal = Journal.at(path)
    journal.begin({}, -1, "kernels", b"", [])
    journal.close()
    bars = [BAR.format(b, b, 10 + b, 20, 5, 10.5 + b, 1) for b in range(6)]
    change(path, *bars, *statements)
    return Journal.at(path)


def read(journal):
    found = shortfalls(journal)
    journal.close()
    return found


def test_an_entry_cut_to_a_part(tmp_path):
    """Decided at 10.5 for 100, sent for the open at 11, 60 bought at 11.2; the bar closes at 11.5."""
    (one,) = read(journal_of(
        tmp_path, ORDER.format("a", 0, 0, "entry", 1, 100, "entry", "NULL", "NULL", "filled"),
        FILL.format("a", 1, 1, 1, 60, 11.2, 0.7, "entry", 0),
    ))  # fmt: skip
    assert (one.asked, one.filled, one.decision, one.arrival, one.fill) == (100, 60, 10.5, 11, 11.2)
    assert one.delay == pytest.approx(0.5 * 60)
    assert one.execution == pytest.approx(0.2 * 60)
    assert one.opportunity == pytest.approx(1.0 * 40)
    assert one.total == pytest.approx(30 + 12 + 40 + 0.7)
    assert one.slipped == pytest.approx(1e4 * 0.2 / 11)
    table = table_of([one])
    assert table["bps"][0] == pytest.approx(1e4 * 82.7 / 1050)


def test_a_sale_gains_from_a_higher_open(tmp_path):
    """Decided at 12.5, sold at the open of 13 less a cent: the wait earned, the execution cost."""
    (one,) = read(journal_of(
        tmp_path, ORDER.format("x", 2, 2, "exit", -1, 50, "signal", "NULL", "NULL", "filled"),
        FILL.format("x", 3, 3, -1, 50, 12.99, 1, "signal", 2),
    ))  # fmt: skip
    assert one.delay == pytest.approx(-0.5 * 50)
    assert one.execution == pytest.approx(0.01 * 50)
    assert one.opportunity == 0.0


def test_an_entry_that_lapsed_missed_the_rise(tmp_path):
    (one,) = read(journal_of(
        tmp_path, ORDER.format("a", 0, 0, "entry", 1, 100, "entry", "NULL", "NULL", "lapsed"),
    ))  # fmt: skip
    assert one.filled == 0.0
    assert math.isnan(one.fill)
    assert (one.delay, one.execution, one.opportunity) == (0.0, 0.0, pytest.approx(100.0))


def test_a_split_between_decision_and_open_restates_the_decision(tmp_path):
    """Two for one at the open of bar 1: 100 at 21 are 200 at 10.5."""
    journal = journal_of(
        tmp_path, "UPDATE bars SET split = 2 WHERE bar = 1", "UPDATE bars SET close = 21 WHERE bar = 0",
        ORDER.format("a", 0, 0, "entry", 1, 100, "entry", "NULL", "NULL", "filled"),
        FILL.format("a", 1, 1, 1, 200, 11.1, 0, "entry", 0),
    )  # fmt: skip
    (one,) = read(journal)
    assert (one.asked, one.decision) == (200, 10.5)
    assert one.delay == pytest.approx(0.5 * 200)
    assert one.execution == pytest.approx(0.1 * 200)


@pytest.mark.parametrize(("level", "arrival", "delay"), [(13.5, 13.0, 0.5), (12.5, 12.5, 0.0)])
def test_a_stop_arrives_at_its_level_or_at_the_open_beyond(tmp_path, level, arrival, delay):
    """Bar 3 opens at 13: a stop at 13.5 was jumped over, one at 12.5 was reached inside the bar."""
    (one,) = read(journal_of(
        tmp_path, ORDER.format("s", 0, 0, "stop", -1, 10, "stop", "NULL", "NULL", "filled"),
        DECISION.format(2, 2, level, "NULL"), FILL.format("s", 3, 3, -1, 10, 12.0, 0, "stop", 0),
    ))  # fmt: skip
    assert (one.decision, one.arrival) == (level, arrival)
    assert one.delay == pytest.approx(10 * delay)
    assert one.execution == pytest.approx(10 * (arrival - 12.0))


def test_what_has_not_met_its_bar_or_had_nothing_to_close_is_left_out(tmp_path):
    assert read(journal_of(
        tmp_path, ORDER.format("a", 5, 5, "entry", 1, 100, "entry", "NULL", "NULL", "accepted"),
        ORDER.format("x", 1, 1, "exit", -1, 100, "signal", "NULL", "NULL", "cancelled"),
        ORDER.format("s", 1, 1, "stop", -1, 100, "stop", "NULL", "NULL", "working"),
    )) == []  # fmt: skip


def test_executions_speak_where_a_broker_told_them(tmp_path):
    """Two parts of 30 and 10 at 11.1 and 11.5: on average 11.2."""
    (one,) = read(journal_of(
        tmp_path, ORDER.format("a", 0, 0, "entry", 1, 40, "entry", "NULL", "NULL", "filled"),
        TRACKED.format("first", "a"), TRACKED.format("second", "a"), TRACKED.format("other", ""),
        "INSERT INTO executions VALUES (1, '', 'first', 'IBM', 1, '30', '11.1', 1)",
        "INSERT INTO executions VALUES (2, '', 'second', 'IBM', 1, '10', '11.5', 1)",
        "INSERT INTO executions VALUES (3, '', 'other', 'IBM', 1, '70', '19', 1)",
        FILL.format("a", 1, 1, 1, 40, 11.0, 0.4, "entry", 0),
    ))  # fmt: skip
    assert one.fill == pytest.approx(11.2)
    assert one.execution == pytest.approx(0.2 * 40)
    assert one.fees == 0.4


def market(slipped, leg="entry"):
    """Return an order that slipped by so many basis points at 100 USD."""
    fill = 100.0 * (1.0 + slipped / 1e4)
    return Shortfall("a", "IBM", leg, "d0", 1, 1, 1, 100.0, 100.0, fill, 0.0, fill - 100.0, 0.0, 0.0)


def test_slippage_and_its_interval_are_students():
    """Mean 5, standard deviation 2 over 25: half width 2.0639 × 2 / 5 (Student's t, 24 degrees)."""
    orders = [market(5.0 + 2.0 * sign) for sign in [1, -1] * 12] + [market(5.0)]
    found = slippage([*orders, market(900.0, "target")])
    assert found is not None
    assert found.orders == 25
    assert found.mean == pytest.approx(5.0)
    assert found.high - found.mean == pytest.approx(2.0639 * 2.0 / 5.0, rel=1e-4)


def test_a_suggestion_is_one_line_and_says_when_it_cannot():
    few = [market(5.0), market(7.0)]
    assert suggestion(few, 0.0005) == (
        "measured slippage: 2 market orders filled, too few to measure it by (20 at least); the backtest "
        "assumes 5.00 bps"
    )
    many = [market(8.0 + sign) for sign in [1, -1] * 20]
    assert suggestion(many, 0.0005).endswith("assumes 5.00; run with --slippage 0.000800 to assume it")
    assert suggestion(many, 0.0008).endswith("assumes 8.00, which is within")
    assert "run with --slippage 0 to" in suggestion([market(-8.0 + s) for s in [1, -1] * 20], 0.0005)
    assert suggestion([], 0.0).startswith("measured slippage: 0 market orders")
