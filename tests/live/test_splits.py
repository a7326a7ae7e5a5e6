"""A split whose shares do not divide evenly: levels follow its ratio, never what is left of the shares.

The entry fills at 115, its stop is 5 % away: 109.25 of a long position, 120.75 of a short one.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from live.journal import Journal
from live.reading import Reading
from live.splits import Split, Splits
from tests.live.helpers import change, query
from tests.live.splitting import account, at_a_split, hold, splits

# ratio, weight, shares before, shares after, and the stop then, on the tick away from the price
LONG = [
    (0.05, 0.35, 152, 7, 2185.00),
    (0.1, 0.04, 17, 1, 1092.50),
    (1.5, 0.004, 1, 1, 72.83),
    (0.1, 0.95, 173, 17, 1092.50),
    (1.5, 0.04, 17, 25, 72.83),
    (2.0, 0.95, 173, 346, 54.62),
]
SHORT = [
    (0.05, 0.35, 152, 7, 2415.00),
    (0.1, 0.04, 17, 1, 1207.50),
    (1.5, 0.004, 1, 1, 80.50),
    (0.1, 0.95, 173, 17, 1207.50),
]
CASES = [(*case, False, True) for case in LONG] + [(*case, True, True) for case in SHORT]
# A broker that lets old orders rest, where their stops are not beyond the price at once.
CASES += [(*LONG[3], False, False), (*SHORT[2], True, False)]


@pytest.mark.parametrize(("ratio", "weight", "before", "after", "stop", "short", "cancel"), CASES)
def test_the_stop_follows_the_ratio(tmp_path, ratio, weight, before, after, stop, short, cancel):
    side, sign = ("buy", -1) if short else ("sell", 1)
    more = {"settings": {"cancel_on_split": cancel}}
    with at_a_split(tmp_path, ratio, weight=weight, short=short, **more) as it:
        hold(it)
        assert it.fake.positions() == {"AAA": sign * before}
        assert it.protection == [(side, before, 120.75 if short else 109.25)]
        day, later = it.later[:2]
        it.floor.tick(day.open + timedelta(seconds=20), times=4)
        assert it.fake.positions() == {"AAA": sign * after}
        assert it.protection == [(side, after, stop)]
        assert splits(it) == [("AAA", f"{ratio:g}", "1")]
        for session in (day, later):
            it.floor.tick(session.close + timedelta(minutes=1), times=3)
            assert account(it)[:2] == (sign * after, pytest.approx(stop, abs=0.01))
            assert it.protection == [(side, after, stop)]
        assert splits(it) == [("AAA", f"{ratio:g}", f"{ratio:g}")]
        assert it.fake.positions() == {"AAA": sign * after}


@pytest.mark.parametrize(("ratio", "stop", "target"), [(2.0, 54.62, "59.23"), (0.1, 1092.5, "1184.50")])
def test_a_pair_follows_the_ratio_and_a_fill_of_a_part_changes_no_level(tmp_path, ratio, stop, target):
    with at_a_split(tmp_path, ratio, target=0.03) as it:
        hold(it)
        it.floor.tick(it.later[0].open + timedelta(seconds=20), times=4)
        shares = 173 * ratio // 1
        assert it.protection == [("sell", shares, stop)]
        assert it.sent[-1]["take_profit"] == {"limit_price": target}
        it.fake.fault("fill", "partial", match={"side": "sell"}, portions=[0.1])
        it.fake.tick("AAA", float(target) + 0.01)
        left = shares - shares // 10
        assert it.fake.positions() == {"AAA": left}
        for _ in range(5):
            it.fake.advance(seconds=5)
            it.floor.tick()
            assert it.protection == [("sell", left, stop)]
        it.floor.tick(it.later[0].close + timedelta(minutes=1), times=3)
        assert account(it) == (left, pytest.approx(stop, abs=0.01), pytest.approx(float(target), abs=0.01))
        assert it.protection == [("sell", left, stop)]
        assert it.told("quantity") == []


def test_protection_that_filled_in_part_is_placed_anew_at_the_ratios_levels(tmp_path):
    """Sized anew on the split's day while a fill is not booked: 346 shares, of which 34 went by the limit."""
    with at_a_split(tmp_path, 2.0, target=0.03) as it:
        hold(it)
        it.floor.tick(it.later[0].open + timedelta(seconds=20), times=4)
        it.fake.fault("fill", "partial", match={"side": "sell"}, portions=[0.1])
        it.fake.tick("AAA", 59.24)
        it.floor.tick()
        it.fake.tick("AAA", 58.0)
        for order in it.fake.orders():
            if order.open and order.parent is None:
                it.fake.exchange.finish(order, "canceled")
        it.fake.advance(seconds=5)
        it.floor.tick(times=3)
        assert it.protection == [("sell", 312, 54.62)]
        assert it.sent[-1]["take_profit"] == {"limit_price": "59.23"}


def test_a_split_that_was_slept_through_is_taken_once(tmp_path):
    """Nobody announces it any more: the average tells, and the bar comes with the same look."""
    with at_a_split(tmp_path, 0.1) as it:
        hold(it)
        it.floor.close()
        it.fake.advance_to(it.later[1].open + timedelta(minutes=1))
        it.floor.trader = it.floor.open()
        it.floor.tick(times=4)
        assert splits(it) == [("AAA", "0.1", "0.1")]
        assert it.protection == [("sell", 17, 1092.5)]
        assert account(it)[:2] == (17, pytest.approx(1092.5))


def test_a_split_survives_a_restart_on_its_day(tmp_path):
    with at_a_split(tmp_path, 0.1) as it:
        hold(it)
        it.floor.tick(it.later[0].open + timedelta(seconds=20))
        it.floor.reopen()
        it.floor.tick(times=4)
        assert splits(it) == [("AAA", "0.1", "1")]
        assert it.protection == [("sell", 17, 1092.5)]
        it.floor.tick(it.later[0].close + timedelta(minutes=1), times=2)
        it.floor.reopen()
        it.floor.tick(times=2)
        assert it.protection == [("sell", 17, 1092.5)]


def test_a_split_that_the_broker_does_after_the_bar_divides_nothing_twice(tmp_path):
    with at_a_split(tmp_path, 2.0, settings={"cancel_on_split": False}) as it:
        hold(it)
        day = it.later[0]
        with it.fake.lock:
            late, it.fake.exchange.tape.actions[:] = list(it.fake.exchange.tape.actions), []
        assert [action.split for action in late] == [2.0]
        with it.fake.lock:  # the old stop would execute at the open: here nothing rests
            for order in it.fake.exchange.book.open:
                it.fake.exchange.finish(order, "canceled")
        it.floor.tick(day.close + timedelta(minutes=1), times=3)
        assert account(it)[:2] == (346, 54.625)
        with it.fake.lock:
            held = it.fake.exchange.account.positions["AAA"]
            held.qty, held.average = 346.0, held.average / 2
        it.fake.advance(seconds=5)
        it.floor.tick(times=4)
        assert splits(it) == [("AAA", "2", "2")]
        assert it.protection == [("sell", 346, 54.62)]


AT = datetime(2026, 3, 17, 13, 30, tzinfo=UTC)


def test_splits_of_two_days_that_were_found_as_one_are_taken_bar_by_bar():
    rows = Splits([Split(AT, "AAA", Decimal(6)), Split(AT, "BBB", Decimal(2))])
    assert rows.left("AAA") == 6
    rows.taking(7, {"AAA": 2.0, "CCC": 5.0})
    assert [rows.left(symbol) for symbol in ("AAA", "BBB", "CCC")] == [3, 2, 1]
    rows.taking(8, {"AAA": 3.0})
    assert [rows.left(symbol) for symbol in ("AAA", "BBB")] == [1, 2]
    rows.taking(9, {"AAA": 3.0})  # of shares that are held no more, or not yet
    assert rows.left("AAA") == 1


def test_a_ratio_without_a_last_digit_is_taken_whole():
    rows = Splits([Split(AT, "AAA", Decimal(1) / Decimal(3))])
    rows.taking(7, {"AAA": 1 / 3})
    assert rows.left("AAA") == 1


def test_only_what_is_older_than_a_split_is_outdated():
    rows = Splits([Split(AT, "AAA", Decimal(2))])
    assert rows.since("AAA", AT - timedelta(seconds=1))
    assert not rows.since("AAA", AT)
    assert not rows.since("BBB", AT - timedelta(seconds=1))


def test_a_journal_of_the_version_before_is_gone_on_with(tmp_path):
    with at_a_split(tmp_path, 0.1) as it:
        hold(it)
        it.floor.close()
        change(it.folder / "run.sqlite", "DROP TABLE splits")
        change(it.folder / "run.sqlite", "PRAGMA user_version = 2")
        it.floor.trader = it.floor.open()
        assert query(it.folder / "run.sqlite", "PRAGMA user_version") == [(3,)]
        it.floor.tick(it.later[0].open + timedelta(seconds=20), times=4)
        assert it.protection == [("sell", 17, 1092.5)]


def test_a_journal_of_the_version_before_stays_as_it_is_until_it_is_opened_to_write(tmp_path):
    path = tmp_path / "run.sqlite"
    with at_a_split(tmp_path, 0.1) as it:
        it.floor.close()
        change(path, "DROP TABLE splits")
        change(path, "PRAGMA user_version = 2")
        with Reading.journal(path) as reading:
            assert reading.begun
        assert query(path, "PRAGMA user_version") == [(2,)]
        Journal.at(path).close()
        assert query(path, "PRAGMA user_version") == [(3,)]
