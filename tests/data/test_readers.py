"""Every vendor's header is read to one table; what cannot be read is refused in one line that says why."""

import gzip
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.data import DroppedRows, load_sample, read_bars
from research.errors import BadValue, DataError, UnknownName
from tests.data.vendor_files import DAILY, HEAD, REFUSED, ROW, minutes

# Three sessions of New York around Thanksgiving 2012; the second is a half day.
CLOSES = [
    datetime(2012, 11, 21, 21, tzinfo=UTC),
    datetime(2012, 11, 23, 18, tzinfo=UTC),
    datetime(2012, 11, 26, 21, tzinfo=UTC),
]
PRICES = [(10.0, 12.0, 9.0, 11.0, 500.0), (11.0, 13.5, 10.5, 13.0, 0.0), (13.0, 14.0, 12.0, 12.5, 1234567.0)]
ACME = pl.DataFrame(
    [("ACME", at, *row) for at, row in zip(CLOSES, PRICES, strict=True)],
    schema={
        "symbol": pl.String,
        "bar_close": pl.Datetime("us", "UTC"),
        **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Float64),
    },
    orient="row",
)


@pytest.fixture
def put(tmp_path):
    def write(text: str | bytes, name: str = "ACME.csv"):
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


@pytest.mark.parametrize("vendor", DAILY)
def test_every_daily_spelling_gives_one_table(vendor, put):
    bars = read_bars(put(DAILY[vendor]))
    assert bars.drop("adj_factor", strict=False).equals(ACME)
    assert ("adj_factor" in bars.columns) == ("adj" in DAILY[vendor].lower())


def test_an_adjusted_close_becomes_a_factor(put):
    assert read_bars(put(DAILY["yahoo"]))["adj_factor"].to_list() == [0.5, 0.5, 0.5]


def test_zipped_and_tabbed(put):
    text = DAILY["stooq download"]
    assert read_bars(put(gzip.compress(text.encode()), "ACME.csv.gz")).equals(ACME)
    assert read_bars(put(text.replace(",", "\t"), "ACME.tsv")).equals(ACME)


def test_a_year_of_the_sample_survives_csv_and_parquet_to_the_bit(tmp_path):
    bars = load_sample(["FB", "MSFT"])
    bars.write_csv(tmp_path / "bars.csv")
    bars.write_parquet(tmp_path / "bars.parquet")
    assert read_bars(tmp_path / "bars.csv").equals(bars)
    assert read_bars(tmp_path / "bars.parquet").equals(bars)
    assert read_bars(str(tmp_path / "bars.parquet"), symbol="FB").equals(load_sample(["FB"]))


@pytest.mark.parametrize(
    "dates",
    [
        pl.Series([date(2012, 11, 21), date(2012, 11, 23), date(2012, 11, 26)]),
        pl.Series([20121121, 20121123, 20121126]),
    ],
)
def test_parquet_with_dates(dates, tmp_path):
    file = tmp_path / "panel.parquet"
    ACME.drop("bar_close").with_columns(date=dates).write_parquet(file)
    assert read_bars(file).equals(ACME)


# --- intraday ---------------------------------------------------------------------------------------------

FIRST = datetime(2012, 11, 21, 15, 31, tzinfo=UTC)  # 10:30 in New York, complete a minute later


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (minutes(zone="-05:00"), {}),
        (minutes("2012-11-21T", ":00-0500"), {}),
        (minutes("2012-11-21T", ":00.000-05:00"), {}),
        (minutes(), {"timezone": "America/New_York"}),
        (minutes("11/21/2012 "), {"timezone": "America/New_York"}),
        (minutes("20121121 ").replace("10:3", "103"), {"timezone": "America/New_York"}),
        (minutes().replace("10:3", "15:3"), {"timezone": "UTC"}),
        (minutes(zone="Z").replace("10:3", "15:3"), {}),
        (minutes(zone=" UTC").replace("10:3", "15:3"), {}),
    ],
)
def test_intraday_stamps_are_starts(text, options, put):
    bars = read_bars(put(text), interval="1min", **options)
    assert bars["bar_close"].to_list() == [FIRST, FIRST.replace(minute=32), FIRST.replace(minute=33)]


def test_stooq_says_how_long_its_bars_are(put):
    text = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
ACME,5,20121121,153000,10,12,9,11,500,0
ACME,5,20121121,153500,11,13.5,10.5,13,0,0
"""
    bars = read_bars(put(text), timezone="UTC")
    assert bars["bar_close"][0] == datetime(2012, 11, 21, 15, 35, tzinfo=UTC)


def test_round_the_clock_days_end_at_midnight(put):
    text = "date,open,high,low,close,volume\n2024-03-02,1,1,1,1,1\n2024-03-03,1,1,1,1,1\n"
    bars = read_bars(put(text, "BTC.csv"), exchange=None)
    assert bars["bar_close"].to_list() == [datetime(2024, 3, 3, tzinfo=UTC), datetime(2024, 3, 4, tzinfo=UTC)]


def test_another_exchange_closes_at_its_own_time(put):
    text = "Date,Open,High,Low,Close,Volume\n2024-01-04 00:00:00+09:00,1,1,1,1,1\n"
    assert read_bars(put(text), exchange="XTKS")["bar_close"][0] == datetime(2024, 1, 4, 6, tzinfo=UTC)


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused_in_one_line(case, put):
    content, words = REFUSED[case]
    with pytest.raises(DataError) as told:
        read_bars(put(content))
    message = str(told.value)
    assert words in message
    assert "\n" not in message
    assert message.startswith("ACME.csv")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.csv does not exist; check the path"):
        read_bars(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="does not exist either"):
        read_bars(tmp_path / "no" / "nothing.csv")
    with pytest.raises(DataError, match=r"is a folder, not a file of bars; BarStore"):
        read_bars(tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"interval": "1 fortnight"}, BadValue, "`interval` must be such as '1min'"),
        ({"interval": "1M"}, BadValue, "`interval` must be such as '1min'"),
        ({"interval": "2d"}, BadValue, "`interval` must be at most 1d"),
        ({"interval": "5min"}, DataError, "its stamps are dates, so `interval` must be '1d', was '5min'"),
        ({"exchange": "XNYX"}, UnknownName, "unknown exchange 'XNYX'"),
        ({"on_bad": "skip"}, BadValue, "`on_bad` must be 'raise' or 'drop', was 'skip'"),
        ({"dividend_basis": "x"}, BadValue, "`dividend_basis` must be"),
    ],
)
def test_options_that_make_no_sense(options, error, words, put):
    with pytest.raises(error, match=words):
        read_bars(put(DAILY["yahoo"]), **options)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
def test_instants_out_of_the_calendar_are_bad_rows(tmp_path, zone):
    """A damaged page of a Parquet file gives instants of the year 200,000, at which Polars panics."""
    file = tmp_path / "ACME.parquet"
    wild = pl.Series([0, 6 * 10**18, -7 * 10**18]).cast(pl.Datetime("us", zone))
    ACME.drop("bar_close").head(1).select(pl.all().repeat_by(3).explode()).with_columns(
        bar_close=wild
    ).write_parquet(file)
    with pytest.raises(
        DataError, match=r"ACME: the date must be such as .*, was '6000000000000000000' in row 2.* 2 bad"
    ):
        read_bars(file, timezone="UTC")
    assert read_bars(file, timezone="UTC", on_bad="drop").height == 1


def test_an_interval_that_the_stamps_deny(put):
    with pytest.raises(
        DataError, match="bars are 1min apart, so `interval` cannot be '5min'; say interval='1min'"
    ):
        read_bars(put(minutes(zone="Z")), interval="5min")
    rows = "".join(f"2012-11-21T{10 + i // 12:02d}:{i % 12 * 5:02d}Z,1,1,1,1,1\n" for i in range(24))
    with pytest.raises(DataError, match="bars are 5min apart, so `interval` cannot be '1min'"):
        read_bars(put("timestamp,o,h,l,c,v\n" + rows), interval="1min")


def test_an_unknown_zone_is_refused(put):
    with pytest.raises(UnknownName, match="unknown timezone 'America/Gotham'"):
        read_bars(put(minutes()), interval="1min", timezone="America/Gotham")


def test_an_hour_that_happens_twice_is_refused(put):
    text = minutes("2012-11-04 ").replace("10:3", "01:3")
    with pytest.raises(
        DataError, match=r"a time must be one instant in America/New_York \(clocks change there\), was"
    ):
        read_bars(put(text), interval="1min", timezone="America/New_York")


# --- symbols ----------------------------------------------------------------------------------------------


def test_where_the_symbol_comes_from(put):
    text = DAILY["stooq download"]
    assert read_bars(put(text, "brk-b.csv"))["symbol"][0] == "BRK-B"
    assert read_bars(put(text, "prices_2012_final.csv"), symbol="ACME").equals(ACME)
    with pytest.raises(
        DataError, match=r"has no symbol column, and its name is not a symbol; rename the file"
    ):
        read_bars(put(text, "prices_2012_final.csv"))


def test_a_symbol_that_is_not_in_the_file(put):
    with pytest.raises(UnknownName, match=r"unknown symbol 'ACNE'; did you mean 'ACME'\?"):
        read_bars(put(DAILY["quandl"]), symbol="ACNE")


# --- dropping ---------------------------------------------------------------------------------------------


def test_dropping_reports_every_kind(put, caplog):
    text = DAILY["stooq download"] + (
        "2012-11-22,1,1,1,1,1\n2012-11-27,x,1,1,1,1\nsoon,1,1,1,1,1\n2012-11-28,1,1,2,1,1\n2012-11-26,9,9,9,9,9\n"
    )
    report = DroppedRows()
    assert read_bars(put(text), on_bad="drop", dropped=report).equals(ACME)
    assert report.rows["row"].to_list() == [4, 5, 6, 7, 8]
    assert report.source == "ACME.csv"
    assert "ACME.csv: 5 of 8 rows dropped" in caplog.text


def test_a_clean_file_fills_an_empty_report(put):
    report = DroppedRows()
    read_bars(put(DAILY["quandl"]), on_bad="drop", dropped=report)
    assert (len(report), report.of, report.resorted) == (0, 3, False)


@given(garbage=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(garbage, tmp_path_factory):
    file = tmp_path_factory.mktemp("any") / "ACME.csv"
    file.write_bytes(garbage)
    with pytest.raises(DataError) as told:
        read_bars(file)
    assert "\n" not in str(told.value)


@given(
    text=st.lists(
        st.sampled_from([*"0123456789-/:. T,\n", "2012-11-21", "NaN", "1e5", "10", "Z", "$", '"']),
        max_size=60,
    )
)
def test_any_rows_are_read_or_refused(text, tmp_path_factory):
    file = tmp_path_factory.mktemp("rows") / "ACME.csv"
    file.write_text(HEAD + ROW + "".join(text))
    try:
        told = str(read_bars(file).height)
    except DataError as error:
        told = str(error)
    assert "\n" not in told
