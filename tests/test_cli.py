"""The command line's manners: one line and status 2 for misuse, no traceback, no half-written file."""

import subprocess
import sys

import polars as pl
import pytest

from research.cli import app
from research.console import assignments, names, run
from research.data import load_sample
from research.errors import BadValue


def call(*arguments):
    return run(app, [str(a) for a in arguments], name="python -m research")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["signals", "--strategy", "adaptive_momentm"], "unknown strategy 'adaptive_momentm'; did you mean"),
        (["signals", "--symbols", "APPL"], "unknown symbol 'APPL'; did you mean 'AAPL'?"),
        (["signals", "--param", "treshold=1"], "unknown parameter of adaptive_momentum 'treshold'; did you"),
        (["signals", "--param", "threshold"], "must be written name=number, was 'threshold'"),
        (["signals", "--param", "threshold=-3"], "must be a number from 0 to 10, was -3"),
        (["signals", "--start", "2012-01-01", "--end", "2011-01-01"], "`end` must be after `start`"),
        (["signals", "--start", "yesterday"], "must be an ISO date like 2012-12-31"),
        (["signals", "--symbols", "FB"], "needs"),
        (["signals", "--symbols", ","], "must hold one at least"),
        (["signals", "--bars", "nowhere.csv"], "nowhere.csv"),
        (["signals", "--no-such-option"], "No such option"),
        (["nonsense"], "No such command"),
    ],
)
def test_misuse_is_one_line_and_status_2(arguments, line, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "signals" and "--no-such-option" not in arguments:
        arguments = [*arguments, "--out", "signals.csv"]
    assert call(*arguments) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert line in told.err
    assert told.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "symbol,date,open,high,low,close,volume\n",
        "date,open,high,low,close,volume\n2010-01-04,1,2\n",
        "a,b\n1,2\n",
        "date,open,high,low,close,volume\n2010-01-04,10,9,11,10,5\n2010-01-05,10,11,9,10,5\n",
        "date,open,high,low,close,volume\n2010-01-04,10,11,9,nan,5\n",
        "date,open,high,low,close,volume\n2010-01-04,10,11,-9,10,5\n",
        "date,open,high,low,close,volume\n2010-01-04,10,11,9,10,5\n2010-01-04,10,11,9,10,5\n",
        "date,open,high,low,close,volume\n2010-01-05,10,11,9,10,5\n2010-01-04,10,11,9,10,5\n",
    ],
    ids=["empty", "header", "ragged", "columns", "high<low", "nan", "negative", "duplicate", "unsorted"],
)
def test_bad_bars_are_one_line_and_status_2(text, tmp_path, capsys):
    bars = tmp_path / "XYZ.csv"
    bars.write_text(text)
    assert call("signals", "--bars", bars, "--out", tmp_path / "signals.csv") == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "XYZ" in told.err
    assert [p.name for p in tmp_path.iterdir()] == ["XYZ.csv"]


@pytest.mark.parametrize("command", ["demo", "backtest"])
def test_an_unwritable_folder_is_refused_before_work(command, tmp_path, capsys):
    occupied = tmp_path / "occupied"
    occupied.write_text("a file, not a folder")
    assert call(command, "--out", occupied) == 2
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert "cannot be written" in told.err
    assert told.out == ""


def test_signals_go_to_csv_and_parquet(tmp_path, capsys):
    for name in ("signals.csv", "signals.parquet"):
        assert (
            call("signals", "--symbols", "AAPL,MSFT", "--start", "2010-01-01", "--out", tmp_path / name) == 0
        )
    capsys.readouterr()
    text = pl.read_csv(tmp_path / "signals.csv", try_parse_dates=True)
    table = pl.read_parquet(tmp_path / "signals.parquet")
    assert text.columns == table.columns
    assert text.columns[:2] == ["bar_close", "symbol"]
    wanted = {
        "adaptive_mom",
        "trend_score",
        "risk_score",
        "entry",
        "exit",
        "weight",
        "stop",
        "target",
        "trail",
    }
    assert wanted <= set(text.columns)
    bars = load_sample(["AAPL", "MSFT"]).filter(pl.col("bar_close").dt.year() >= 2010)
    assert text.height == table.height == bars.height
    assert table["entry"].sum() > 100
    # The CSV reads back to the same numbers.
    for column in ("adaptive_mom", "weight", "stop"):
        assert text[column].to_list() == table[column].fill_nan(None).to_list()
    assert text["bar_close"].dt.replace_time_zone("UTC").to_list() == table["bar_close"].to_list()


def test_another_ending_is_refused(tmp_path, capsys):
    assert call("signals", "--out", tmp_path / "signals.xlsx") == 2
    assert "must end in .csv or .parquet, was 'signals.xlsx'" in capsys.readouterr().err


def test_backtest_writes_its_report(tmp_path, capsys):
    assert call("backtest", "--symbols", "IBM", "--strategy", "ma_crossover", "--out", tmp_path / "run") == 0
    told = capsys.readouterr()
    assert "trades per month" in told.out
    assert "buy and hold" in told.out
    written = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"report.html", "trades.csv", "orders.csv", "summary.json"} <= written


@pytest.mark.parametrize("arguments", [[], ["demo"], ["backtest"], ["signals"]])
def test_every_command_has_help(arguments, capsys):
    assert call(*arguments, "--help") == 0
    assert "Usage: python -m research" in capsys.readouterr().out


def test_interrupt_is_status_1_and_no_traceback(monkeypatch, capsys, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("research.report.export.signals_table", interrupted)
    assert call("signals", "--out", tmp_path / "signals.csv") == 1
    told = capsys.readouterr()
    assert told.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_module_is_the_command():
    found = subprocess.run(
        [sys.executable, "-m", "research", "signals", "--strategy", "x", "--out", "x.csv"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert found.stdout == ""


def test_lists_and_pairs():
    assert names(None) is None
    assert names("AAPL, MSFT,") == ["AAPL", "MSFT"]
    assert assignments(["stop=0.05", "fast=5"]) == {"stop": 0.05, "fast": 5.0}
    with pytest.raises(BadValue):
        assignments(["stop"])
