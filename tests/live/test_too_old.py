"""Whether a limit of age leaves entries any time: by the hours at which they are sent."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from live.risk_context import Rules
from live.too_old import EVERY_DAILY, too_old
from research.data.sessions import sessions

SETTLE = timedelta(seconds=30)


def found(seconds, timeframe="1Day", settle=SETTLE):
    rules = replace(Rules(), stale_after=timedelta(seconds=seconds))
    told = too_old(rules, timeframe, settle)
    return told.every, told.text


def test_no_planned_closure_is_longer_than_the_longest():
    """From a close to two minutes before the next open: on 24 December 2020 and 2026, and on 3 July 2025."""
    known = sessions("XNYS")
    late = known.dates >= np.datetime64("2016-01-01")
    opens, closes = known.opens[late].tolist(), known.closes[late].tolist()
    longest = max(after - before for before, after in zip(closes[:-1], opens[1:], strict=True))
    assert longest - timedelta(minutes=2) == EVERY_DAILY == timedelta(hours=92, minutes=28)


@pytest.mark.parametrize("seconds", [60, 3600, 10_800])
def test_a_daily_bar_is_three_hours_old_when_the_auction_begins_to_take_orders(seconds):
    text = "blocks every entry of 1Day bars, sent 10800 s after the close at the soonest; set 332880 or more"
    assert found(seconds) == (True, f"stale_after of {seconds} s {text}")


def test_daily_bars_of_which_some_are_too_old():
    text = "s blocks what is sent later than that after its bar's close; 332880 blocks none"
    for seconds in (10_801, 332_879):
        assert found(seconds) == (False, f"stale_after of {seconds} {text}")
    assert found(332_880) == found(432_000) == (False, "")


def test_shorter_bars_are_as_old_as_is_waited_for_them():
    text = "blocks every entry of 5Min bars, sent 30 s after the close at the soonest; set 72000 or more"
    assert found(30, "5Min") == (True, f"stale_after of 30 s {text}")
    assert found(31, "5Min")[0] is False
    assert found(31, "1Min", timedelta(seconds=40))[0] is True
    assert "later than that" in found(71_999, "1Hour")[1]
    assert found(72_000, "1Hour") == (False, "")
