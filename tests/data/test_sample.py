"""The embedded sample is what PROVENANCE.md says, and its events are those the companies announced."""

import hashlib
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from research.data import load_sample, to_panel, validate_bars
from research.data.sessions import sessions
from research.errors import UnknownName

ANSWERS = Path(__file__).parents[1] / "answers" / "data"
ROWS = {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}


def event(symbol: str, date: str) -> tuple[float, float]:
    panel = to_panel(load_sample([symbol]))
    t = int(np.flatnonzero(panel.bar_close.astype("datetime64[D]") == np.datetime64(date))[0])
    return float(panel.split[t, 0]), float(panel.dividend[t, 0])


def test_the_file_is_the_one_with_provenance():
    folder = files("research.data") / "sample"
    told = re.findall(r"`([0-9a-f]{64})`", (folder / "PROVENANCE.md").read_text(encoding="utf-8"))
    assert "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd" in told
    assert hashlib.sha256((folder / "stocks.parquet").read_bytes()).hexdigest() in told


def test_rows_per_symbol_and_validity():
    bars = load_sample()
    counts = dict(bars.group_by("symbol").len().iter_rows())
    assert counts == ROWS
    assert validate_bars(bars).equals(bars)


def test_every_session_is_there_at_its_close():
    closes = sessions("XNYS").closes
    for symbol in ROWS:
        have = load_sample([symbol])["bar_close"].to_numpy()
        assert np.array_equal(have, closes[(closes >= have[0]) & (closes <= have[-1])])


@pytest.mark.parametrize(
    ("symbol", "date"), [("AAPL", "2000-06-21"), ("AAPL", "2005-02-28"), ("MSFT", "2003-02-18")]
)
def test_the_two_for_one_splits(symbol, date):
    assert event(symbol, date) == (2.0, 0.0)


def test_there_are_no_other_splits():
    assert int(np.count_nonzero(to_panel(load_sample()).split != 1.0)) == 3


@pytest.mark.parametrize(
    "row", pl.read_csv(ANSWERS / "published_dividends.csv").rows(), ids=lambda r: f"{r[0]}-{r[1]}"
)
def test_published_dividends(row):
    symbol, date, dividend = row
    split, found = event(symbol, date)
    assert split == 1.0
    assert found == pytest.approx(dividend, abs=4e-4)


def test_four_dividends_a_year_and_none_made_up():
    panel = to_panel(load_sample())
    years = panel.bar_close.astype("datetime64[Y]").astype(int) + 1970
    paid = {s: panel.dividend[:, i] > 0.0 for i, s in enumerate(panel.symbols)}
    assert not paid["FB"].any()
    assert not paid["GOOG"].any()
    assert all(np.count_nonzero(paid["IBM"] & (years == y)) == 4 for y in range(2001, 2013))
    assert all(np.count_nonzero(paid["MSFT"] & (years == y)) == 4 for y in range(2005, 2013))
    assert not paid["AAPL"][years < 2012].any()


def test_one_symbol_and_several():
    assert load_sample("FB").equals(load_sample(["FB"]))
    assert load_sample(["MSFT", "FB"])["symbol"].unique().sort().to_list() == ["FB", "MSFT"]


def test_an_unknown_symbol_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match=r"unknown symbol 'APPL'; did you mean 'AAPL'\?"):
        load_sample(["APPL"])
