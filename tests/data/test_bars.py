"""Every rule of the bar table refuses with symbol, row and count, and drops with a report."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.data import DroppedRows, to_panel, validate_bars
from research.errors import BadValue, DataError
from tests.data.tables import instants, make_bars, ragged_bars

NAN, INF = float("nan"), float("inf")

# column, its third and fourth value, the words
RULES = [
    (
        "close",
        [None, 103.0],
        "ACME: close must not be missing, was None in row 3 (bar_close 2020-01-04 21:00 UTC)",
    ),
    ("close", [NAN, 103.0], "ACME: close must be a number, not NaN, was nan in row 3"),
    ("high", [INF, 105.0], "ACME: high must be finite, was inf in row 3"),
    ("open", [-INF, 102.0], "ACME: open must be positive, was -inf in row 3"),
    ("open", [0.0, 102.0], "ACME: open must be positive, was 0.0 in row 3"),
    ("low", [-5.0, 101.0], "ACME: low must be positive, was -5.0 in row 3"),
    (
        "high",
        [99.0, 105.0],
        "ACME: high must not be below low, was open 101.0, high 99.0, low 100.0, close 102.0",
    ),
    ("open", [104.5, 102.0], "ACME: open must lie between low and high, was open 104.5, high 104.0"),
    ("close", [99.5, 103.0], "ACME: close must lie between low and high"),
    ("volume", [-1.0, 0.0], "ACME: volume must not be negative, was -1.0 in row 3"),
    ("volume", [NAN, 0.0], "ACME: volume must be a number, not NaN"),
    ("symbol", [None, "ACME"], "no symbol: symbol must not be missing"),
    ("symbol", ["", "ACME"], "no symbol: symbol must not be empty"),
]


def spoiled(column: str, values: list) -> pl.DataFrame:
    whole = make_bars()[column].to_list()
    columns: dict[str, Any] = {column: whole[:2] + values + whole[4:]}
    return make_bars(**columns)


@pytest.mark.parametrize(("column", "values", "words"), RULES)
def test_every_rule_refuses_by_name(column, values, words):
    with pytest.raises(DataError) as told:
        validate_bars(spoiled(column, values))
    message = str(told.value)
    assert message.startswith(words)
    assert "row 3" in message
    assert message.endswith(
        "the only bad row; correct them or leave them out with on_bad='drop' (--on-bad drop)"
    )
    assert "\n" not in message


@pytest.mark.parametrize(("column", "values", "words"), RULES)
def test_every_rule_drops_and_reports(column, values, words, caplog):
    report = DroppedRows()
    with caplog.at_level(logging.WARNING):
        good = validate_bars(spoiled(column, values), on_bad="drop", dropped=report)
    assert good["close"].to_list() == [100.0, 101.0, 103.0, 104.0]
    assert len(report) == 1
    assert report.of == 5
    assert report.rows["row"].to_list() == [3]
    assert "1 of 5 rows dropped" in caplog.text


def test_a_duplicate_is_refused_and_the_first_one_kept():
    bars = make_bars(bar_close=[*instants(3), instants(3)[2], instants(5)[4]])
    with pytest.raises(
        DataError, match=r"ACME: a bar must appear once in row 4 \(bar_close 2020-01-04 21:00"
    ):
        validate_bars(bars)
    assert validate_bars(bars, on_bad="drop")["close"].to_list() == [100.0, 101.0, 102.0, 104.0]


def test_unsorted_bars_are_refused_and_sorted_on_request():
    bars = make_bars()[[0, 2, 1, 3, 4]]
    with pytest.raises(
        DataError, match=r"must be in order of bar_close, this one follows 2020-01-04 21:00 in row 3"
    ):
        validate_bars(bars)
    report = DroppedRows()
    assert validate_bars(bars, on_bad="drop", dropped=report).equals(make_bars())
    assert len(report) == 0
    assert report.resorted


def test_newest_first_and_doubled_at_once():
    bars = pl.concat([make_bars()[::-1], make_bars()[2:3]])
    report = DroppedRows()
    assert validate_bars(bars, on_bad="drop", dropped=report).equals(make_bars())
    assert report.rows["row"].to_list() == [6]


def test_each_symbol_has_its_own_order():
    bars = pl.concat([make_bars("B"), make_bars("A")]).sort("bar_close", maintain_order=True)
    assert validate_bars(bars).equals(bars)


def test_the_count_and_the_first_row_over_all_symbols():
    bars = pl.concat([make_bars("A"), make_bars("B", volume=[1.0, -1.0, -1.0, 1.0, -1.0])])
    with pytest.raises(
        DataError, match=r"^B: volume must not be negative, was -1.0 in row 7 .*first of 3 bad rows"
    ):
        validate_bars(bars)


def test_a_bar_cannot_be_known_before_it_closes():
    bars = make_bars().with_columns(available_at=pl.col("bar_close") - timedelta(minutes=1))
    with pytest.raises(DataError, match="available_at must not be before bar_close"):
        validate_bars(bars)


def test_versions_of_a_bar_are_legal_in_order_of_knowledge():
    bars = make_bars().with_columns(available_at="bar_close")
    fixed = bars[2:3].with_columns(pl.col("available_at") + timedelta(days=9))
    assert validate_bars(pl.concat([bars[:3], fixed, bars[3:]])).height == 6
    with pytest.raises(DataError, match="in order"):
        validate_bars(pl.concat([bars[:2], fixed, bars[2:]]))


def test_nothing_left_is_an_error_even_when_dropping():
    with pytest.raises(DataError, match=r"no row is left; ACME: open must be positive"):
        validate_bars(make_bars(open=[-1.0] * 5), on_bad="drop")


def test_zero_volume_is_legal_and_integers_become_floats():
    bars = validate_bars(make_bars(volume=[0] * 5))
    assert bars["volume"].dtype == pl.Float64


def test_other_columns_are_left_out_and_other_zones_become_utc():
    bars = make_bars().with_columns(pl.col("bar_close").dt.convert_time_zone("Asia/Tokyo"), note=pl.lit("x"))
    assert validate_bars(bars).equals(make_bars())


@pytest.mark.parametrize(
    ("bars", "words"),
    [
        (make_bars().drop("volume"), "the bar table has no column `volume`, only symbol, bar_close"),
        (
            make_bars().with_columns(pl.col("open").cast(pl.String)),
            "`open` must be a column of numbers, was String",
        ),
        (make_bars().with_columns(symbol=pl.lit(3)), "`symbol` must be text, was Int"),
        (
            make_bars().with_columns(pl.col("bar_close").dt.date()),
            "`bar_close` must be a Datetime with a time zone",
        ),
        (make_bars().with_columns(pl.col("bar_close").dt.replace_time_zone(None)), "must carry a time zone"),
        (make_bars().with_columns(adj_close="close"), "takes `adj_factor`, not `adj_close`"),
    ],
)
def test_columns_of_the_wrong_kind(bars, words):
    with pytest.raises(DataError, match=words):
        validate_bars(bars)


def test_on_bad_is_one_of_two():
    with pytest.raises(BadValue, match="`on_bad` must be 'raise' or 'drop', was 'ignore'"):
        validate_bars(make_bars(), on_bad="ignore")  # type: ignore[arg-type]


def test_the_report_reads_well():
    report = DroppedRows()
    assert str(report) == "0 of 0 rows dropped"
    validate_bars(make_bars(volume=[-1.0, 1.0, -1.0, 1.0, 1.0]), on_bad="drop", dropped=report)
    assert str(report) == (
        "2 of 5 rows dropped: 2 × 'volume must not be negative'; first ACME in row 1 "
        f"(bar_close {datetime(2020, 1, 2, 21, tzinfo=UTC)})"
    )


BAD = st.sampled_from([NAN, INF, -INF, None, 0.0, -1.0, 1e9, 1e-9])


@given(
    seed=st.integers(0, 50),
    row=st.integers(0, 30),
    column=st.sampled_from(["open", "high", "low", "close", "volume", "adj_factor"]),
    value=BAD,
)
def test_the_quick_look_of_the_panel_agrees_with_the_rules(seed, row, column, value):
    bars = ragged_bars(seed)
    values = bars[column].to_list()
    values[row % len(values)] = value
    bars = bars.with_columns(pl.Series(column, values, dtype=pl.Float64))
    refused = []
    for judge in (validate_bars, to_panel):
        try:
            judge(bars)
        except DataError as error:
            refused.append(str(error))
    assert len(refused) in (0, 2)
    assert len(set(refused)) <= 1


@settings(max_examples=40)
@given(
    seed=st.integers(0, 50),
    row=st.integers(0, 30),
    column=st.sampled_from(["symbol", "bar_close", "open", "high", "low", "close", "volume", "adj_factor"]),
    value=BAD,
    other=st.integers(0, 30),
)
def test_what_is_sound_at_a_glance_breaks_no_rule(seed, row, column, value, other):
    """Judged by the rules themselves, which a column of knowledge at each close calls for."""
    table = ragged_bars(seed)
    values = table[column].to_list()
    # Of a symbol or an instant that of another row, so that rows are twice, out of order or strewn.
    strange = values[other % len(values)] if column in {"symbol", "bar_close"} else value
    values[row % len(values)] = strange
    table = table.with_columns(pl.Series(column, values, dtype=table.schema[column]))
    by_rules, at_a_glance = DroppedRows(), DroppedRows()
    outcomes: list[object] = []
    for asked, report in ((table.with_columns(available_at="bar_close"), by_rules), (table, at_a_glance)):
        try:
            outcomes.append(
                validate_bars(asked, on_bad="drop", dropped=report).drop("available_at", strict=False)
            )
        except DataError as error:
            outcomes.append(str(error))
    assert str(outcomes[0]) == str(outcomes[1])
    told = at_a_glance.rows.columns
    assert by_rules.rows.select(told).equals(at_a_glance.rows)
    assert (by_rules.of, by_rules.resorted) == (at_a_glance.of, at_a_glance.resorted)
