"""The replay's feed: every instant once, in order, and nothing twice."""

import numpy as np
import polars as pl
import pytest

from live.feed import ReplayFeed
from research.data import load_sample

BARS = load_sample(["AAPL", "FB"])
END = np.datetime64("2012-12-31T23:59", "us")


def test_blocks_hold_the_bars_of_one_instant_in_order():
    feed = ReplayFeed(BARS, ["AAPL", "FB"], END)
    blocks = list(feed.after(None))
    assert [b["bar_close"].n_unique() for b in blocks] == [1] * len(blocks)
    expected = BARS.filter(pl.col("bar_close").dt.year() < 2013).sort("bar_close", "symbol")
    assert pl.concat(blocks).sort("bar_close", "symbol").equals(expected)
    assert {b.height for b in blocks} == {1, 2}  # FB was listed in 2012
    assert feed.count_after(None) == len(blocks) == expected["bar_close"].n_unique()


@pytest.mark.parametrize("seen", [0, 1, 700, -2])
def test_it_goes_on_after_the_last_bar_seen(seen):
    feed = ReplayFeed(BARS, ["AAPL"], END)
    last = feed.instants[seen]
    rest = list(feed.after(last))
    assert len(rest) == feed.count_after(last) == int(np.sum(feed.instants > last))
    assert all(b["bar_close"][0] > last.item().replace(tzinfo=b["bar_close"][0].tzinfo) for b in rest)
    assert pl.concat([feed.before(rest[0]["bar_close"].to_numpy()[0]), *rest]).height == len(feed.instants)


def test_nothing_is_left_after_the_end():
    feed = ReplayFeed(BARS, ["AAPL"], END)
    assert list(feed.after(feed.instants[-1])) == []
    assert feed.count_after(np.datetime64("2030-01-01", "us")) == 0
    assert feed.before(feed.instants[0]).is_empty()
