"""Files: whole or not at all, and readable back."""

import json
from html.parser import HTMLParser

import polars as pl
import pytest

from research.data import load_sample
from research.errors import BadValue, OutputError
from research.files import output_folder, replacing, require_writable
from research.report.export import export_signals, write_table
from research.report.tearsheet import report_html, write_report
from research.report.terminal import ROWS, figure
from research.simulation.backtest import run_unified_backtest


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text(f"half of the new, then {1 / 0}")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.csv"]


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "none" / "t.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        output_folder(tmp_path / "file" / "below")


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(BadValue, match=r"must end in .csv or .parquet"):
        export_signals(load_sample(), tmp_path / "signals.txt")
    assert list(tmp_path.iterdir()) == []


def test_tables_read_back(tmp_path):
    table = pl.DataFrame({"x": [0.1, float("nan"), 1 / 3]})
    assert pl.read_csv(write_table(table, tmp_path / "t.csv"))["x"].to_list() == [0.1, None, 1 / 3]
    assert pl.read_parquet(write_table(table, tmp_path / "t.parquet")).equals(table)


@pytest.fixture(scope="module")
def results():
    return [
        run_unified_backtest(symbols=["IBM", "AAPL"], strategy=s)
        for s in ("ma_crossover", "adaptive_momentum")
    ]


class Texts(HTMLParser):
    """The text of a page, scripts left out."""

    def __init__(self):
        super().__init__()
        self.inside, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "br"}:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        self.inside.pop()

    def handle_data(self, data):
        if self.inside and self.inside[-1] not in {"script", "style"}:
            self.texts.append(data)


def test_the_report_says_every_figure_and_needs_no_network(results):
    page = report_html(results)
    reader = Texts()
    reader.feed(page)
    text = " ".join(reader.texts)
    for result in results:
        for key, (label, _) in ROWS.items():
            assert label in text
            assert figure(key, result.stats) in text
        for note in result.notes:
            assert note in text
    assert '<script src="http' not in page
    assert page.count("Plotly.newPlot(") == 3


def test_the_report_folder(results, tmp_path):
    written = write_report(results, tmp_path)
    assert {p.name for p in written} == {p.name for p in tmp_path.iterdir()}
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["strategies"]["ma_crossover"]["stats"]["trades"] == results[0].stats["trades"]
    trades = pl.read_csv(tmp_path / "trades.csv")
    assert trades.height == sum(r.trades.height for r in results)


def test_figures_that_cannot_be_said_are_a_dash():
    assert figure("win_rate", {"win_rate": float("nan")}) == "–"
    assert figure("win_rate", {}) == "–"
    assert figure("total_return", {"total_return": 0.1234}) == "+12.3 %"


def test_what_polars_cannot_write_is_one_line_and_no_file(tmp_path):
    """Polars writes by itself, so a full disk is an error of Polars, not of the system."""
    with pytest.raises(
        OutputError, match=r"x\.csv cannot be written \(.+\); choose another place"
    ) as refused:
        write_table(pl.DataFrame({"a": [[1, 2]]}), tmp_path / "x.csv")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_looked_at_before_it_is_made(tmp_path):
    require_writable(tmp_path / "new" / "below")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot be written"):
            require_writable(folder)
