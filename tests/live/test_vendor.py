"""Bars from the vendor over real sockets: what is complete, what is left out, and what is said of it."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from alpaca.data.historical import StockHistoricalDataClient

from live.line import Line
from live.schedule import Hours
from live.talk import Talk
from live.vendor import OUTSIDE, _plain_closes, fetch
from research.errors import BadValue, Unreachable
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.worlds import AAA, at, daily, minutes, table, week
from tests.live.canary import KEY, SECRET

FIRST = date(2026, 3, 1)
BARS = "GET /v2/stocks/bars"


@pytest.fixture
def fake():
    """Stand a minute after Friday's early close."""
    with FakeAlpaca(daily(), start=at(4, "13:01"), calendar=week()) as server:
        yield server


def line_to(fake):
    return Line(
        Talk(lambda: StockHistoricalDataClient(KEY, SECRET, url_override=fake.url, raw_data=True), 1.0),
        patience=2.0,
    )


def ask(fake, symbols=("AAA", "BBB"), **more):
    days = fake.calendar.between(FIRST, FIRST + timedelta(days=30))
    more = {"hours": [Hours(day.open, day.close) for day in days]} | more
    return fetch(line_to(fake), symbols, FIRST, fake.clock.now(), **more)


def closes(found, symbol="AAA"):
    return found.bars.filter(pl.col("symbol") == symbol)["bar_close"].to_list()


def test_days_close_when_their_sessions_do(fake):
    found = ask(fake)
    ours = found.bars.filter(pl.col("symbol") == "AAA")
    assert list(ours.select("open", "high", "low", "close").rows()) == AAA[:4]
    # The real calendar's close: that Friday is a whole day there, so its bar is not over.
    assert closes(found)[:4] == [at(day, "16:00") for day in range(4)]
    assert (found.missing, found.faults) == ((), ())


def test_the_running_session_is_left_out(fake):
    with FakeAlpaca(daily(), start=at(1, "12:00"), calendar=week()) as running:
        assert len(closes(ask(running))) == 1


def test_pages_are_followed_to_their_end(fake):
    whole = ask(fake)
    fake.settings.page = 2
    assert ask(fake).bars.equals(whole.bars)


def test_pages_without_end_are_left(fake):
    fake.settings.page = 2
    fake.fault(BARS, "repeat_page", nth=2, times=0)
    with pytest.raises(Unreachable, match="do not end"):
        ask(fake)
    assert fake.log.count(BARS) < 10


def test_what_the_vendor_does_not_know_is_named(fake):
    found = ask(fake, ("AAA", "GONE"))
    assert found.missing == ("GONE",)
    assert len(closes(found)) == 4


def test_no_bars_at_all(fake):
    found = ask(fake, ("GONE",))
    assert (found.bars.height, found.missing) == (0, ("GONE",))
    fake.fault(BARS, "edit", times=0, args={"set": {"bars": None}})
    assert ask(fake).missing == ("AAA", "BBB")


@pytest.mark.parametrize("bad", [{"c": -1.0}, {"h": 0.0}, {"l": 1e9}, {"v": -5.0}, {"c": None}, {"o": "NaN"}])
def test_a_bar_that_breaks_a_rule_is_left_out_and_told(fake, bad):
    edit = {"set": {f"bars.AAA.1.{name}": value for name, value in bad.items()}}
    fake.fault(BARS, "edit", times=0, args=edit)
    found = ask(fake)
    assert at(1, "16:00") not in closes(found)
    assert len(closes(found)) == 3
    assert len(closes(found, "BBB")) == 4
    assert len(found.faults) == 1
    assert found.faults[0].startswith("AAA, 2026-03-03 21:00 UTC: ")


def test_a_bar_that_comes_twice_is_taken_once(fake):
    fake.fault("data", "repeat", times=0, match={"symbol": "AAA"})
    assert closes(ask(fake)) == [at(day, "16:00") for day in range(4)]


def test_fields_that_are_new_change_nothing(fake):
    whole = ask(fake)
    fake.fault(BARS, "edit", times=0, args={"set": {"novelty": 1, "bars.AAA.0.zz": [2]}})
    assert ask(fake).bars.equals(whole.bars)


def test_splits_make_the_factor():
    before = (pl.col("symbol") == "AAA") & (pl.col("bar_close") < at(2))
    table = daily().with_columns(adj_factor=pl.when(before).then(0.5).otherwise(1.0))
    with FakeAlpaca(table, start=at(3, "16:01"), calendar=week()) as fake:
        found = ask(fake).bars.filter(pl.col("symbol") == "AAA")
    assert found["adj_factor"].to_list() == [0.5, 0.5, 1.0, 1.0]
    assert found["close"].to_list() == [row[3] for row in AAA[:4]]


def test_minutes_close_at_their_end():
    with FakeAlpaca(minutes(30), start=at(0, "10:00"), calendar=week()) as fake:
        found = ask(fake, ("AAA",), interval="1Min")
    first = at(0, "09:30") + timedelta(minutes=1)
    assert closes(found) == [first + timedelta(minutes=k) for k in range(30)]


def test_feed_and_adjustment_are_always_said(fake):
    ask(fake, feed="sip")
    told = [(call.query["feed"], call.query["adjustment"]) for call in fake.log.of(BARS)]
    assert told == [("sip", "raw"), ("sip", "all")]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"interval": "2Day"}, "`interval` must be one of"),
        ({"feed": "bloomberg"}, "`feed` must be one of"),
        ({"symbols": ()}, "at least one symbol"),
    ],
)
def test_what_cannot_be_asked_is_refused(fake, more, words):
    with pytest.raises(BadValue, match=words):
        ask(fake, **more)
    with pytest.raises(BadValue, match="`end` must carry a time zone"):
        fetch(line_to(fake), ["AAA"], FIRST, datetime(2026, 3, 3))  # noqa: DTZ001
    assert fetch(line_to(fake), ["AAA"], FIRST, datetime(2026, 3, 3, tzinfo=UTC)).bars.height == 1


@pytest.mark.parametrize("strange", ["2026-03-02T14:33:00+00:00", "2026-03-02T09:33:00-05:00"])
def test_a_stamp_spelled_otherwise_reads_as_it_always_did(strange):
    """One of 29 stamps calls for the reader of all spellings; what the others say is the same."""
    with FakeAlpaca(minutes(40), start=at(0, "10:00"), calendar=week()) as fake:
        plain = ask(fake, ["AAA"], interval="1Min")
        bar = datetime(2026, 3, 2, 14, 34, tzinfo=UTC)
        fake.fault("data", "set", at=bar, set={"t": strange})
        told = ask(fake, ["AAA"], interval="1Min")
    assert told.bars.equals(plain.bars)
    assert plain.bars.height == 30


def test_adjusted_bars_in_another_order_or_number_are_paired_by_their_instants():
    with FakeAlpaca(minutes(40), start=at(0, "10:00"), calendar=week()) as fake:
        plain = ask(fake, ["AAA"], interval="1Min")
        rows = [{"t": f"2026-03-02T14:{30 + i}:00Z", "c": (1001 + i) / 10} for i in range(30) if i != 3]
        fake.fault(BARS, "edit", match={"adjustment": "all"}, set={"bars.AAA": rows[::-1]})
        told = ask(fake, ["AAA"], interval="1Min")
    lost = plain.bars["bar_close"][3]
    assert told.bars.equals(plain.bars.filter(pl.col("bar_close") != lost))
    assert told.faults == (f"AAA, {lost:%Y-%m-%d %H:%M} UTC: no adjusted bar",)


ABSURD = ["2026-03-02T24:00:00Z", "2026-02-30T14:31:00Z", "9999-12-31T23:59:00Z"]


@pytest.mark.parametrize("absurd", ABSURD)
def test_an_absurd_stamp_costs_its_own_bar_and_no_other(absurd):
    with FakeAlpaca(minutes(40), start=at(0, "10:00"), calendar=week()) as fake:
        plain = ask(fake, ["AAA"], interval="1Min")
        rows = [
            {"t": f"{row['bar_close'] - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"}
            | {name[0]: row[name] for name in ("open", "high", "low", "close", "volume")}
            for row in plain.bars.iter_rows(named=True)
        ]
        for adjustment in ("raw", "all"):
            told = {"bars.AAA": [*rows, rows[-1] | {"t": absurd}]}
            fake.fault(BARS, "edit", match={"adjustment": adjustment}, set=told)
        told = ask(fake, ["AAA"], interval="1Min")
    assert told.bars.equals(plain.bars)
    assert plain.bars.height == 30
    # What ends after now is a bar that is not over, of the year 9999 too; the others are told.
    assert [f"stamp {absurd}" in fault for fault in told.faults] == ([] if absurd > "9" else [True])


@pytest.mark.parametrize("strange", ABSURD)
def test_stamps_that_are_no_instants_are_left_to_the_rules(strange):
    near = ["2026-03-02T14:30:00Z", "2026-03-02T14:31:00Z"]
    assert _plain_closes(near, "1Min") == {
        near[0]: datetime(2026, 3, 2, 14, 31, tzinfo=UTC),
        near[1]: datetime(2026, 3, 2, 14, 32, tzinfo=UTC),
    }
    assert _plain_closes([*near, strange], "1Min") is None


def test_minutes_far_from_each_other_are_on_their_grid_and_on_no_wider_one():
    seldom = [f"2026-03-02T15:{minute:02}:00Z" for minute in (0, 7, 19, 40)]
    found = _plain_closes(seldom, "1Min")
    assert found is not None
    assert sorted(close.minute for close in found.values()) == [1, 8, 20, 41]
    assert _plain_closes(seldom[:1], "1Min") is None
    fives = [f"2026-03-02T15:{minute:02}:00Z" for minute in (0, 5, 20, 40)]
    assert _plain_closes(fives, "1Min") is None
    assert _plain_closes(seldom, "5Min") is None


def half_hours():
    """Return Monday's thirteen half hours of one symbol, each a dollar above the one before."""
    begin, half = at(0, "09:30"), timedelta(minutes=30)
    rows = [("AAA", begin + half * (i + 1), 100 + i, 101 + i, 99 + i, 100.5 + i) for i in range(13)]
    return table(rows)


def test_extended_hours_are_left_out_and_told_in_one_line():
    settings = Settings(extended=True)
    with FakeAlpaca(half_hours(), start=at(0, "19:00"), calendar=week(), settings=settings) as fake:
        found = ask(fake, ("AAA",), interval="30Min")
        shown = fake.log.of(BARS)[0].reply["bars"]["AAA"]
    assert len(shown) == 11 + 13 + 6  # from 4:00, from 9:30, from 16:00
    assert found.bars["open"].to_list() == [100 + i for i in range(13)]
    assert found.faults == (OUTSIDE,)


def test_hours_come_from_half_hours_of_the_session():
    settings = Settings(extended=True)
    with FakeAlpaca(half_hours(), start=at(0, "16:30"), calendar=week(), settings=settings) as fake:
        found = ask(fake, ("AAA",), interval="1Hour")
        assert {call.query["timeframe"] for call in fake.log.of(BARS)} == {"30Min"}
        within = fetch(
            line_to(fake), ["AAA"], at(0, "11:00"), at(0, "15:29"), interval="1Hour",
            hours=[Hours(at(0, "09:30"), at(0, "16:00"))],
        )  # fmt: skip
    ours = [f"{10 + k}:30" for k in range(6)] + ["16:00"]
    assert closes(found) == [at(0, hhmm) for hhmm in ours]
    assert found.bars["open"].to_list() == [100, 102, 104, 106, 108, 110, 112]
    assert found.bars["high"].to_list() == [102, 104, 106, 108, 110, 112, 113]
    assert found.bars["low"].to_list() == [99, 101, 103, 105, 107, 109, 111]
    assert found.bars["close"].to_list() == [101.5, 103.5, 105.5, 107.5, 109.5, 111.5, 112.5]
    assert found.bars["volume"].to_list() == [2000.0] * 6 + [1000.0]
    # Asked from the middle of an hour, that hour is whole none the less; one that is running is left out.
    assert within.bars.equals(found.bars.head(5))


def test_a_half_hour_that_breaks_a_rule_takes_its_hour_along():
    with FakeAlpaca(half_hours(), start=at(0, "16:30"), calendar=week()) as fake:
        fake.fault("data", "set", times=0, at=at(0, "11:00"), args={"set": {"l": -1.0}})
        found = ask(fake, ("AAA",), interval="1Hour")
    assert closes(found) == [at(0, hhmm) for hhmm in ("10:30", "12:30", "13:30", "14:30", "15:30", "16:00")]
    assert [fault.split(": ")[0] for fault in found.faults] == ["AAA, 2026-03-02 16:00 UTC"]


@pytest.mark.parametrize("half", [0, 1])
def test_a_half_hour_without_an_adjusted_bar_takes_its_hour_along(half):
    gone = "2026-03-02T08:00:00Z"
    with FakeAlpaca(half_hours(), start=at(0, "16:30"), calendar=week()) as fake:
        fake.fault(BARS, "edit", match={"adjustment": "all"}, set={f"bars.AAA.{half}.t": gone})
        found = ask(fake, ("AAA",), interval="1Hour")
    assert closes(found)[0] == at(0, "11:30")
    assert found.bars["open"].to_list() == [102, 104, 106, 108, 110, 112]
    assert found.faults == (f"AAA, 2026-03-02 15:{30 * half:02} UTC: no adjusted bar",)


def test_intraday_bars_without_sessions_are_refused(fake):
    with pytest.raises(BadValue, match="`hours` must be the sessions of the span for 5Min bars, was None"):
        ask(fake, interval="5Min", hours=None)
