"""What the report prints: causes by weight, those without effect, notes, and nothing where no order was."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from live.causes import Cause, Kind
from live.explained import Explained, Found
from live.journalled import journalled
from live.parity import opened
from live.parity_report import tell
from tests.live.helpers import replayed, request

NOON = np.datetime64("2007-03-01T20:00", "us")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "run.sqlite"
    replayed(path, request(start="2007-09-04", end="2007-09-14", train_fraction=0.0))
    book = opened(path)
    try:
        return journalled(book)
    finally:
        book.close()


def told(said, explained):
    stream = io.StringIO()
    tell(said, explained, [], 0.0005, Console(file=stream, width=100))
    return stream.getvalue()


def found(kind, decisions, text="close 1, now 2"):
    return Found(Cause(kind, NOON, "IBM", text), decisions, NOON if decisions else None, ("IBM",))


def test_causes_are_listed_by_weight_and_the_rest_is_counted(said):
    many = [found(Kind.FILL, 1, f"fill {i}") for i in range(25)]
    causes = (
        *many,
        found(Kind.REVISED, 9, "close [1], now 2"),
        found(Kind.REVISED, 0),
        found(Kind.CALENDAR, 0),
    )
    out = told(said, Explained(100, 34, causes, pl.DataFrame(), ("a note",), 3))
    assert "34 of 100 decisions differ from the backtest (34.0%)" in out
    lines = out.splitlines()
    assert lines[3].startswith("revised bar")
    assert "close [1], now 2" in out
    assert "and 6 more causes (fill 6); --out has them all" in out
    assert "without effect on a decision: revised bar 1, such as close 1, now 2" in out
    assert "without effect on a decision: calendar 1" in out
    assert "note      a note" in out
    assert "no order has met its bar" in out


def test_agreement_is_one_line(said):
    out = told(replace(said, path="x.sqlite"), Explained(14, 0, (), pl.DataFrame(), (), 1))
    assert out.splitlines()[1] == "all 14 decisions agree with the backtest, bit for bit"
