"""The command line's manners: one line and status 2 for misuse, no traceback, no half-written file."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from research.cli import app
from research.console import assignments, names, run
from research.data import load_sample
from research.errors import BadValue
from research.execution import Execution
from research.options import RunOptions
from research.request import Request


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
        (["signals", "--param", "threshold=1", "--param", "threshold=2"], "threshold is given twice"),
        (["signals", "--slippage", "2"], "`slippage` must be a fraction of the price"),
        (["signals", "--train-fraction", "1"], "`train_fraction` must be in [0, 1)"),
        (["signals", "--interval", "1min"], "--interval says how a file is read"),
        (["signals", "--on-bad", "skip"], "Invalid value for '--on-bad'"),
        (["signals", "--symbols", ","], "must hold one at least"),
        (["signals", "--bars", "nowhere.csv"], "nowhere.csv"),
        (["signals", "--retrain-every", "5"], "--retrain-every is for a strategy with a model, was 5"),
        (["signals", "--strategy", "ml_driven", "--learners", "lightgmb"], "did you mean 'lightgbm'?"),
        (["signals", "--strategy", "ml_driven", "--retrain-every", "0"], "whole number from 1 to 100000"),
        (["signals", "--strategy", "ml_driven", "--confidence", "sure"], "Invalid value for '--confidence'"),
        (["signals", "--strategy", "ml_driven", "--seed", "-1"], "`seed` must be a whole number from 0"),
        (["signals", "--jobs", "0"], "`jobs` must be a whole number ≥ 1, was 0"),
        (["signals", "--strategy", "ml_driven", "--train-fraction", "0.1"], "its first model on 250 settled"),
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


def test_a_refused_backtest_makes_no_folder(tmp_path, capsys):
    assert call("backtest", "--out", tmp_path / "new" / "run", "--symbols", "NOPE") == 2
    assert "unknown symbol 'NOPE'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_command_there_is_help(capsys):
    assert call() == 0
    told = capsys.readouterr()
    assert "backtest" in told.out
    assert told.out.count("\n") > 5
    assert told.err == ""


def test_defaults_of_the_options_are_those_of_a_request():
    assert RunOptions().request() == Request()


def test_every_option_reaches_the_request(tmp_path, monkeypatch):
    seen = []

    def taken(request, bars):
        seen.append((request, bars))
        return bars

    monkeypatch.setattr("research.report.export.signals_table", taken)
    (tmp_path / "BTC.csv").write_text(
        "date,open,high,low,close,volume\n2022-01-01,1,1,1,1,1\n2022-01-02,0,1,1,1,1\n"
    )
    more = [
        "--allow-short",
        "--fractional",
        "--slippage",
        "0",
        "--commission",
        "0.002",
        "--train-fraction",
        "0.1",
    ]
    of_file = ["--bars", tmp_path / "BTC.csv", "--exchange", "none", "--on-bad", "drop"]
    assert call("signals", "--out", tmp_path / "x.csv", *more, *of_file) == 0
    ((request, bars),) = seen
    assert request.execution == Execution(0.0, 0.002, fractional=True, allow_short=True)
    assert request.train_fraction == 0.1
    assert bars["bar_close"].to_list() == [datetime(2022, 1, 2, tzinfo=UTC)]


def test_every_option_of_a_model_reaches_the_request(tmp_path, monkeypatch):
    seen: list[Request] = []

    def table(request, bars):
        seen.append(request)
        return bars

    monkeypatch.setattr("research.report.export.signals_table", table)
    of_model = (
        "--learners lightgbm,random_forest --retrain-every 5 --confidence probability --seed 3 --jobs 2"
    )
    assert call(
        "signals", "--strategy", "ml_driven", "--out", tmp_path / "x.csv", *of_model.split()
    ) == 0  # fmt: skip
    (request,) = seen
    assert request.learning is not None
    assert request.learning.learners == ("lightgbm", "random_forest")
    assert (request.learning.retrain_every, request.learning.confidence) == (5, "probability")
    assert (request.learning.seed, request.jobs) == (3, 2)


def test_dropped_rows_are_told(tmp_path, capsys):
    bars = load_sample(["IBM"]).with_columns(low=pl.when(pl.int_range(3270) == 7).then(-1.0).otherwise("low"))
    bars.write_parquet(tmp_path / "IBM.parquet")
    options = ["--bars", tmp_path / "IBM.parquet", "--on-bad", "drop", "--out", tmp_path / "x.csv"]
    assert call("signals", *options) == 0
    told = capsys.readouterr()
    assert told.err.startswith("python -m research: IBM.parquet: 1 of 3270 rows dropped")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(("errno", "line"), [(28, "its output cannot be written (No space left on device)")])
def test_a_full_disk_behind_stdout_is_one_line(errno, line, monkeypatch, capsys, tmp_path):
    def full(*_):
        raise OSError(errno, "No space left on device")

    monkeypatch.setattr("research.report.export.signals_table", full)
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # put back what `run` takes away
    assert call("signals", "--out", tmp_path / "signals.csv") == 2
    told = capsys.readouterr()
    assert line in told.err
    assert told.err.count("\n") == 1


def test_a_terminal_that_knows_fewer_characters(tmp_path):
    """`μ` and the dashes of a report come out as question marks, not as a traceback."""
    found = subprocess.run(
        [sys.executable, "-m", "research", "signals", "--symbols", "ΑΑΡL", "--out", str(tmp_path / "x.csv")],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert found.returncode == 2
    assert "unknown symbol '???L'" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize(("module", "cli"), [("research", "research.cli"), ("live.runner", "live.cli")])
def test_an_interrupt_while_the_command_is_loaded(module, cli):
    code = (
        "import runpy, sys\n"
        "class Loading:\n"
        "    def __getattr__(self, name):\n"
        "        raise KeyboardInterrupt\n"
        f"sys.modules[{cli!r}] = Loading()\n"
        f"runpy.run_module({module!r}, run_name='__main__')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.startswith(f"python -m {module}: interrupted")
    assert found.stderr.count("\n") == 1


def test_an_interrupt_inside_exec_is_status_1_too(tmp_path):
    """CPython would remember it, though it was caught, and end by SIGINT."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Loading:\n"
        "    def __getattr__(self, name):\n"
        "        exec('raise KeyboardInterrupt')\n"
        "sys.modules['research.cli'] = Loading()\n"
    )
    path = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[1])))
    found = subprocess.run(
        [sys.executable, "-m", "research"], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr.count("\n") == 1


def test_lists_and_pairs():
    assert names(None) is None
    assert names("AAPL, MSFT,") == ["AAPL", "MSFT"]
    assert assignments(["stop=0.05", "fast=5"]) == {"stop": 0.05, "fast": 5.0}
    with pytest.raises(BadValue):
        assignments(["stop"])
