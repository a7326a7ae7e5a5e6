"""The command line: one line per refusal, signals, and what a start costs in imports."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from live.cli import NAME, app
from research.console import run
from tests.live.helpers import content, query

ROOT = Path(__file__).parents[2]
SHORT = ["--replay", "--symbols", "AAPL,IBM", "--start", "2006-06-01", "--end", "2006-12-29"]


@pytest.fixture
def told(capsys, tmp_path, monkeypatch):
    """Return a function: arguments to status, lines of stdout, lines of stderr; in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def tell(*arguments):
        capsys.readouterr()
        status = run(app, arguments, name=NAME)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err.splitlines()

    return tell


def test_a_replay_from_begin_to_end_and_once_more(told, tmp_path):
    status, out, err = told(*SHORT)
    assert (status, err) == (0, [])
    assert out[0] == "adaptive_momentum on AAPL, IBM: 148 bars taken, 0 left"
    told_of = ["bars", "decisions", "blocked", "entries", "orders", "fills", "equity", "journal"]
    assert [line.split()[0] for line in out[1:]] == told_of
    assert out[1] == "bars      148 of 148, 2006-06-01 to 2006-12-29"
    assert out[-1] == "journal   onepath-replay-adaptive_momentum.sqlite"
    again, out, err = told(*SHORT)
    assert (again, err) == (0, [])
    assert out[0] == "adaptive_momentum on AAPL, IBM: nothing to do: all 148 bars are in the journal"
    kinds = query(
        tmp_path / "onepath-replay-adaptive_momentum.sqlite", "SELECT kind FROM events ORDER BY seq"
    )
    assert kinds == [("begun",), ("warm-up",), ("finished",)]


def test_once_takes_one_bar_each_time_and_says_when_there_is_none(told):
    asked = [*SHORT[:-1], "2006-06-05", "--once", "--journal", "run.sqlite"]
    lines = [told(*asked) for _ in range(4)]
    assert [status for status, *_ in lines] == [0] * 4
    assert [out[0].partition(": ")[2] for _, out, _ in lines] == [
        "1 bar taken, 2 left", "1 bar taken, 1 left", "1 bar taken, 0 left",
        "nothing to do: all 3 bars are in the journal",
    ]  # fmt: skip


def test_quiet_says_only_what_must_not_pass_unnoticed(told):
    assert told(*SHORT, "--quiet") == (0, [], [])
    silent = told(*SHORT, "--quiet", "--param", "threshold=10", "--journal", "none.sqlite")
    assert silent[0] == 0
    assert len(silent[1]) == 1
    assert silent[1][0].startswith(
        "note      no trade: none of 296 decisions asked for an entry (blocked by "
    )


def test_a_file_of_bars_is_replayed(told, tmp_path):
    from research.data import load_sample

    load_sample(["IBM"]).write_parquet(tmp_path / "ibm.parquet")
    status, out, _ = told(
        "--replay", "--bars", "ibm.parquet", "--start", "2012-10-01", "--strategy", "ma_crossover"
    )
    assert status == 0
    assert out[0].startswith("ma_crossover on IBM: ")
    journal = tmp_path / "onepath-replay-ma_crossover.sqlite"
    assert query(journal, "SELECT value FROM meta WHERE key = 'source'") == [("ibm.parquet",)]


REFUSED = {
    "no mode": ([], "one of --replay, --paper and --live must be given, was 0"),
    "two modes": (["--replay", "--paper"], "one of --replay, --paper and --live must be given, was 2"),
    "no symbols": (["--paper"], "--symbols must name what the account trades"),
    "old bars": (["--paper", "--symbols", "IBM", "--start", "2012-01-01"], "--start is for old bars"),
    "symbol": (["--replay", "--symbols", "APPL"], "unknown symbol 'APPL'"),
    "strategy": (["--replay", "--strategy", "ma_crosover"], "did you mean 'ma_crossover'?"),
    "strategy with a path": (["--replay", "--strategy", "../x"], "unknown strategy '../x'"),
    "parameter": (["--replay", "--param", "treshold=1"], "did you mean 'threshold'?"),
    "value": (["--replay", "--param", "threshold=99"], "must be a number from 0 to 10, was 99"),
    "no number": (["--replay", "--param", "threshold"], "must be written name=number"),
    "empty symbols": (["--replay", "--symbols", ","], "must hold one at least"),
    "end before start": (["--replay", "--start", "2010-01-01", "--end", "2009-01-01"], "`end` must be"),
    "no date": (["--replay", "--start", "yesterday"], "`start` must be"),
    "no bars": (["--replay", "--start", "2030-01-01"], "holds 0 bars"),
    "short history": (["--replay", "--symbols", "FB"], "bring earlier bars"),
    "capital": (["--replay", "--capital", "0"], "`initial_capital` must be above 0"),
    "bars": (["--replay", "--bars", "none.csv"], "none.csv does not exist"),
    "malformed bars": (["--replay", "--bars", "bad.csv"], "bad.csv"),
    "folder": (["--replay", "--journal", "none/run.sqlite"], "there is no folder none"),
    "a folder as journal": (["--replay", "--journal", "."], "was a folder"),
    "corrupt journal": (["--replay", "--journal", "bad.csv"], "is not a database"),
    "option": (["--replay", "--sybmols", "IBM"], "No such option"),
    "option's value": (["--replay", "--capital", "much"], "Invalid value for '--capital'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_misuse_gets_one_line_exit_status_2_and_no_file(what, told, tmp_path):
    arguments, said = REFUSED[what]
    (tmp_path / "bad.csv").write_text("this,is\nno,bars\n" * 200)
    status, out, err = told(*arguments)
    assert (status, out, len(err)) == (2, [], 1), err
    assert said in err[0]
    assert err[0].startswith(NAME + ": ")
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_a_journal_of_another_strategy_gets_one_line(told):
    assert told(*SHORT, "--once", "--journal", "run.sqlite")[0] == 0
    status, out, err = told(*SHORT, "--strategy", "ma_crossover", "--journal", "run.sqlite")
    assert (status, out, len(err)) == (2, [], 1)
    assert "was made with strategy adaptive_momentum, this run has ma_crossover" in err[0]


# --- in a process of its own ---------------------------------------------------------------------------


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "live.runner", *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def bars_in(path):
    """Count the bars in a journal that somebody may be making at this moment."""
    if not path.exists():
        return 0
    try:
        return query(path, "SELECT count(*) FROM equity")[0][0]
    except sqlite3.OperationalError:  # not there yet, or just being made
        return 0


def when_it_has(path, bars, process):
    """Wait until a running replay has written so many bars; return False if it ended before."""
    while process.poll() is None:
        if bars_in(path) >= bars:
            return True
        time.sleep(0.01)
    return False


ALL = ["--replay", "--journal"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "run.sqlite"
    assert run(app, [*ALL, str(path), "--quiet"], name=NAME) == 0
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_bar_and_says_how_to_continue(number, straight, tmp_path):
    path = tmp_path / "run.sqlite"
    process = start(*ALL, str(path))
    assert when_it_has(path, 200, process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert len(err.splitlines()) == 1
    left = 3270 - bars_in(path)
    assert f"stopped by {number.name} after the bar of " in err
    assert f"{left} of 3270 bars left" in err
    assert "run the same command again to continue" in err
    assert run(app, [*ALL, str(path), "--quiet"], name=NAME) == 0
    assert content(path) == content(straight)


def test_a_signal_breaks_off_no_query_of_the_bar(tmp_path):
    # Polars has a handler of its own, and would raise KeyboardInterrupt from whatever it is at.
    (tmp_path / "hit.py").write_text(
        """import os, signal
from live import cli
with cli._stopping() as stopped:
    import polars as pl
    def hit(frame):
        os.kill(os.getpid(), signal.SIGINT)
        return frame
    print(pl.LazyFrame({"a": [1, 2]}).map_batches(hit).group_by("a").len().collect().height, stopped())
"""
    )
    done = subprocess.run(
        [sys.executable, "hit.py"], env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "2 SIGINT\n"), done.stderr


def test_an_interrupt_that_passed_through_exec_is_status_1_all_the_same(tmp_path):
    # CPython notes it there and would end a module's process by SIGINT, however it was answered.
    (tmp_path / "cut_short.py").write_text(
        "import live.cli as cli\ncli._open = lambda *_: exec('raise KeyboardInterrupt')\ncli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "cut_short", *ALL, "run.sqlite"], env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "python -m live.runner: interrupted" in done.stderr


def test_killed_at_random_instants_and_started_again_is_one_run(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    draw = random.Random(7)
    kills = 0
    for _ in range(3):
        process = start(*ALL, str(path), "--quiet")
        if when_it_has(path, bars_in(path) + draw.randint(1, 600), process):
            time.sleep(draw.random() * 0.05)
            os.kill(process.pid, signal.SIGKILL)
            kills += process.wait(timeout=60) == -signal.SIGKILL
        process.communicate()
    assert kills >= 2
    assert run(app, [*ALL, str(path), "--quiet"], name=NAME) == 0
    assert content(path) == content(straight)


def test_a_start_imports_nothing_heavy(tmp_path):
    code = (
        "import sys\nfrom live.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    arguments = ["--replay", "--once", "--quiet", "--journal", str(tmp_path / "run.sqlite")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "polars" in loaded
    assert not loaded & {
        "vectorbt",
        "plotly",
        "pandas",
        "sklearn",
        "exchange_calendars",
        "dataframely",
        "talib",
    }
