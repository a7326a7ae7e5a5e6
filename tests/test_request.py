"""A request says no before any work is done, in one line, and yes in the same way to everybody."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, DataError, NotEnoughHistory, UnknownName
from research.execution import Execution
from research.request import Request


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
        ({"start": "01/02/2010"}, BadValue, "must be an ISO date like 2012-12-31 or .*, was '01/02/2010'"),
        ({"start": "2014-01-01"}, NotEnoughHistory, "holds 0 bars"),
        ({"end": "1999-01-01"}, NotEnoughHistory, "no bar of these symbols lies before the end"),
        ({"symbols": ["FB"]}, NotEnoughHistory, r"needs \d+ bars .* FB \(196 bars\)"),
        ({"initial_capital": 0.0}, BadValue, "`initial_capital` must be above 0"),
        ({"initial_capital": float("inf")}, BadValue, "`initial_capital` must be above 0"),
        ({"initial_capital": "x"}, BadValue, "`initial_capital` must be above 0, was 'x'"),
        ({"train_fraction": 1.0}, BadValue, r"`train_fraction` must be in \[0, 1\)"),
        ({"train_fraction": "x"}, BadValue, r"`train_fraction` must be in \[0, 1\), was 'x'"),
        ({"start": 20050101}, BadValue, "`start` must be an ISO date like .*, was 20050101"),
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


def test_days_and_instants_bound_the_span(bars):
    day = Request(symbols=["IBM"], start="2005-01-03", end=date(2012, 12, 31)).prepare(bars)
    exact = Request(
        symbols=["IBM"], start="2005-01-03T16:00-05:00", end=datetime(2012, 12, 31, 21, tzinfo=UTC)
    ).prepare(bars)
    assert (day.first, len(day.panel)) == (exact.first, len(exact.panel))
    assert str(day.panel.bar_close[-1]) == "2012-12-31T21:00:00.000000"
    whole = Request(symbols=["IBM"], start="0001-01-01", end="9999-12-31").prepare(bars)
    assert len(whole.panel) == 3270


def test_days_around_the_clock_end_at_midnight(bars):
    """The bar of May 31 closes as June begins, and is in a span that ends or begins on May 31."""
    whole = bars.filter(bars["symbol"] == "IBM")[:900]
    first = datetime(2020, 1, 2, tzinfo=UTC)
    crypto = whole.with_columns(
        bar_close=pl.Series([first + timedelta(days=i) for i in range(900)]).cast(pl.Datetime("us", "UTC"))
    )
    to_may = Request(end="2022-05-31", train_fraction=0.0).prepare(crypto)
    assert str(to_may.panel.bar_close[-1]) == "2022-06-01T00:00:00.000000"
    from_may = Request(start="2022-05-31", train_fraction=0.0).prepare(crypto)
    assert str(from_may.panel.bar_close[from_may.first]) == "2022-06-01T00:00:00.000000"


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda _: pl.DataFrame(), "the bar table has no column `symbol`, only none at all"),
        (lambda bars: bars.clear(), "the bar table has columns and no bars"),
        (lambda bars: bars.to_dict(), "must be a Polars DataFrame, was dict"),
        (
            lambda bars: bars.with_columns(bar_close=pl.col("bar_close").dt.replace_time_zone(None)),
            "`bar_close` must carry a time zone",
        ),
        (lambda bars: bars.with_columns(close=pl.lit("ten")), "`close` must be a column of numbers"),
        (lambda bars: bars.with_columns(symbol=pl.lit(None, pl.String)), "symbol must not be missing"),
        (lambda bars: bars.with_columns(close=pl.lit(-1.0)), "close must be positive, was -1.0 in row 1"),
    ],
)
def test_what_is_no_bar_table(bars, spoil, line):
    with pytest.raises(DataError, match=line) as refused:
        Request(end="2010-12-31").prepare(spoil(bars))
    assert "\n" not in str(refused.value)


def test_later_bars_do_not_move_the_first_tradable_bar(bars):
    one = Request(symbols=["IBM"], start="2005-01-01", end="2010-12-31").prepare(bars)
    same = Request(symbols=["IBM"], start="2005-01-01", end="2010-12-31").prepare(
        bars.filter(bars["bar_close"] < datetime(2011, 6, 1, tzinfo=UTC))
    )
    assert one.trade_from_instant == same.trade_from_instant
    assert np.array_equal(one.panel.close, same.panel.close)
