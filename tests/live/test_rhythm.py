"""Trades beside the backtest's rate, and the alarm for too few."""

from datetime import timedelta

import pytest

from live.reading import Reading
from live.rhythm import at_most, rhythm_of
from live.tracks import utc_text
from tests.live.status_helpers import LAST, NOW, bar, begin, change, healthy, tracked, write

# scipy.stats.poisson.cdf(k, mean), to six decimals
CDF = [(0, 1.0, 0.367879), (1, 1.0, 0.735759), (2, 8.0, 0.013754), (5, 5.0, 0.615961), (50, 80.0, 0.000215)]


@pytest.mark.parametrize(("count", "mean", "chance"), CDF)
def test_the_chance_of_at_most_so_many(count, mean, chance):
    assert at_most(count, mean) == pytest.approx(chance, abs=1e-6)


def test_nothing_expected_is_never_too_few():
    assert at_most(0, 0.0) == 1.0
    assert at_most(10_000, 3.0) == 1.0


def run(path, bars, gate="trend", days=1, **meta):
    begin(path, symbols=("AAA",), **meta)
    for n in range(bars):
        bar(path, n, LAST + timedelta(days=days * n), AAA={"gate": gate})
    with Reading.journal(path) as journal:
        return rhythm_of(journal)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def test_before_two_bars_nothing_can_be_said(path):
    found = run(path, 1, expected_trades_per_month="1000")
    assert (found.trades, found.months, found.per_month, found.chance, found.alarm) == (
        0,
        0.0,
        None,
        None,
        "",
    )


def test_months_are_measured_by_bars(path):
    # Eleven bars have eleven intervals of 2.7671 days: 30.4375 days, a month of a year of 365.25 days.
    found = run(path, 11, days=30.4375 / 11)
    assert found.months == pytest.approx(1.0, rel=1e-6)
    assert found.per_month == 0.0
    assert (found.expected, found.chance, found.alarm) == (None, None, "")


def test_too_few_trades_raise_the_alarm_and_name_the_gate(path):
    found = run(path, 11, days=30.4375 / 11, expected_trades_per_month="3.1")
    assert found.chance == pytest.approx(0.045049, abs=1e-6)  # exp(-3.1)
    assert found.alarm == (
        "0 trades in 1.0 months, the backtest's rate gives 3.1 (chance of so few 4.5%); "
        "most decisions end at: trend"
    )


def test_a_few_less_than_expected_raise_none(path):
    found = run(path, 11, days=30.4375 / 11, expected_trades_per_month="2.9")
    assert found.chance == pytest.approx(0.055023, abs=1e-6)
    assert found.alarm == ""


def test_the_alarm_names_the_check_of_the_door_that_blocked_the_entries(path):
    begin(path, symbols=("AAA",), expected_trades_per_month="90")
    note = "blocked: order notional (order must be ≤ 1000 USD, was {})"
    for n in range(11):
        when = LAST + timedelta(days=3 * n)
        bar(path, n, when, AAA={"intent": 1.0, "reason": "entry"})
        order = (f"PP-{n}", n, utc_text(when), "AAA", "entry", 1, 1.0, "entry", *[None] * 5)
        write(path, "orders", (*order, "lapsed", 1, note.format(1000 + n)))
    with Reading.journal(path) as journal:
        assert rhythm_of(journal).alarm.endswith("; of 11 entries 11 end at: blocked: order notional")


def test_an_alarm_without_a_gate_names_none(path):
    begin(path, symbols=("AAA",), expected_trades_per_month="90")
    for n in range(11):
        bar(path, n, LAST + timedelta(days=3 * n), AAA={"intent": 1.0, "reason": "entry"})
    with Reading.journal(path) as journal:
        found = rhythm_of(journal)
    assert (found.blame, found.alarm.endswith("%)")) == ("", True)


@pytest.mark.parametrize("text", ["many", "nan", "inf", "-1"])
def test_a_rate_that_is_none_is_not_known(path, text):
    assert run(path, 3, expected_trades_per_month=text).expected is None


def test_trades_are_entries_that_filled_those_not_yet_booked_too(path):
    healthy(path, expected_trades_per_month="1")
    change(path, "UPDATE executions SET bar = 1")
    tracked(path, "PP-new", "BBB", quantity="5", state="filled", filled="5", average="50")
    for shares in ("2", "3"):
        write(path, "executions", (utc_text(NOW), "PP-new", "BBB", 1, shares, "50"))
    write(path, "executions", (utc_text(NOW), "PP-oco", "AAA", -1, "1", "95"))
    with Reading.journal(path) as journal:
        assert rhythm_of(journal).trades == 2
