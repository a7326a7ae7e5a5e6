"""A request says no before any work is done, in one line, and yes in the same way to everybody."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from research.data import load_sample
from research.errors import BadValue, NotEnoughHistory, UnknownName
from research.execution import Execution
from research.request import Request, instant_of


@pytest.fixture(scope="module")
def bars():
    return load_sample()


@pytest.mark.parametrize(
    ("given", "error", "line"),
    [
        ({"strategy": "adaptive_momentm"}, UnknownName, "did you mean 'adaptive_momentum'"),
        ({"symbols": ["APPL"]}, UnknownName, "unknown symbol 'APPL'; did you mean 'AAPL'"),
        ({"symbols": []}, BadValue, "must name at least one symbol"),
        ({"symbols": ["IBM", "IBM"]}, BadValue, "`symbols` must differ"),
        ({"params": {"treshold": 1}}, UnknownName, "did you mean 'threshold'"),
        ({"params": {"threshold": -1}}, BadValue, "from 0 to 10, was -1"),
        ({"start": "2010-01-01", "end": "2009-01-01"}, BadValue, "`end` must be after `start`"),
        ({"start": "01/02/2010"}, BadValue, "must be an ISO date like 2012-12-31, was '01/02/2010'"),
        ({"start": "2014-01-01"}, NotEnoughHistory, "holds 0 bars"),
        ({"end": "1999-01-01"}, NotEnoughHistory, "no bar of these symbols lies before the end"),
        ({"symbols": ["FB"]}, NotEnoughHistory, r"needs \d+ bars .* FB \(196 bars\)"),
        ({"initial_capital": 0.0}, BadValue, "`initial_capital` must be above 0"),
        ({"initial_capital": float("inf")}, BadValue, "`initial_capital` must be above 0"),
        ({"train_fraction": 1.0}, BadValue, r"`train_fraction` must be in \[0, 1\)"),
    ],
)
def test_refusals(bars, given, error, line):
    with pytest.raises(error, match=line) as refused:
        Request(**given).prepare(bars)
    assert "\n" not in str(refused.value)


def test_a_short_symbol_among_others_is_told(bars):
    prepared = Request().prepare(bars)
    assert any("FB (196 bars)" in note for note in prepared.notes)


def test_first_30_percent_are_reserved(bars):
    prepared = Request(symbols=["IBM"], start="2005-01-01", end="2012-12-31").prepare(bars)
    closes = prepared.panel.bar_close
    assert str(closes[prepared.first])[:10] == "2005-01-03"
    assert str(closes[-1])[:10] == "2012-12-31"
    span = len(closes) - prepared.first
    assert span == 2013  # trading days of 2005 to 2012
    assert prepared.trade_from == prepared.first + 603  # ⌊0.3 × 2013⌋
    assert str(closes[0])[:10] == "2000-03-01"


def test_symbols_share_the_account_equally_unless_told(bars):
    assert Request(symbols=["IBM", "AAPL"]).prepare(bars).params["max_weight"] == pytest.approx(0.475)
    assert Request(params={"max_weight": 0.9}).prepare(bars).params["max_weight"] == 0.9
    assert Request().prepare(bars, account_symbols=1).params["max_weight"] == 0.95


def test_short_selling_is_one_switch(bars):
    assert Request(execution=Execution(allow_short=True)).resolve(1)["allow_short"] == 1.0
    assert Request().resolve(1)["allow_short"] == 0.0


def test_instants():
    assert instant_of("end", "2012-12-31", last=True) == datetime(2013, 1, 1, tzinfo=UTC)
    assert instant_of("start", date(2012, 12, 31)) == datetime(2012, 12, 31, tzinfo=UTC)
    assert instant_of("start", "2012-12-31T15:30:00-05:00") == datetime(2012, 12, 31, 20, 30, tzinfo=UTC)
    assert instant_of("start", None) is None


def test_later_bars_do_not_move_the_first_tradable_bar(bars):
    one = Request(symbols=["IBM"], start="2005-01-01", end="2010-12-31").prepare(bars)
    same = Request(symbols=["IBM"], start="2005-01-01", end="2010-12-31").prepare(
        bars.filter(bars["bar_close"] < datetime(2011, 6, 1, tzinfo=UTC))
    )
    assert one.trade_from_instant == same.trade_from_instant
    assert np.array_equal(one.panel.close, same.panel.close)
