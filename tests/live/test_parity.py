"""`python -m live.parity`: exit statuses, files, and one line for every misuse."""

import polars as pl
import pytest

from live.parity import NAME, app
from research.console import run
from research.data import load_sample
from tests.live.helpers import change, replayed, request


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("parity") / "run.sqlite"
    replayed(path, request(start="2006-12-01", end="2007-06-30", train_fraction=0.0))
    return path


def parity(*words):
    return run(app, [str(word) for word in words], name=NAME)


def test_agreement_is_status_0(path, capsys):
    assert parity("--journal", path) == 0
    out = capsys.readouterr().out
    assert "decisions agree with the backtest, bit for bit" in out
    assert "too few to measure it" in out
    assert "shortfall" in out


def test_a_difference_is_status_1_and_is_written(path, tmp_path, capsys):
    out, orders = tmp_path / "all.csv", tmp_path / "orders.parquet"
    words = ("--journal", path, "--param", "threshold=0.9", "--slippage", "0.001", "--commission", "0.002")
    assert parity(*words, "--capital", "50000", "--out", out, "--orders", orders) == 1
    told = capsys.readouterr().out
    assert "decisions differ from the backtest" in told
    assert "other parameters" in told
    table = pl.read_csv(out)
    assert set(table["cause"]) == {"other parameters"}
    assert {"bar_close", "symbol", "field", "journal", "recomputed", "first"} <= set(table.columns)
    assert pl.read_parquet(orders).height > 3


def test_bars_of_a_file(path, tmp_path, capsys):
    bars = load_sample(["AAPL", "IBM"])
    day = pl.col("bar_close").dt.date() == pl.date(2007, 3, 1)
    changed = bars.with_columns(high=pl.when(day).then(pl.col("high") + 1).otherwise(pl.col("high")))
    changed.write_parquet(tmp_path / "bars.parquet")
    assert parity("--journal", path, "--bars", tmp_path / "bars.parquet", "--exchange", "none") == 1
    assert "revised bar" in capsys.readouterr().out


def test_misuse_is_status_2_and_one_line(path, tmp_path, capsys):
    other = tmp_path / "other.sqlite"
    for case in ("none", "empty", "foreign", "version", "damaged", "source"):
        if case == "empty":
            other.touch()
        elif case != "none":
            other.write_bytes(path.read_bytes())
        if case == "foreign":
            change(other, "PRAGMA application_id = 7")
        elif case == "version":
            change(other, "PRAGMA user_version = 99")
        elif case == "damaged":
            other.write_bytes(path.read_bytes()[:9000])
        elif case == "source":
            change(other, "UPDATE meta SET value = 'mine.csv' WHERE key = 'source'")
        assert parity("--journal", other) == 2, case
        told = capsys.readouterr().err
        assert told.count("\n") == 1, told
        assert told.startswith(f"{NAME}: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--out", "x.txt"), "must end in .csv or .parquet"),
        (("--param", "treshold=1"), "did you mean 'threshold'"),
        (("--param", "allow_short=1"), "must agree with the journal's execution"),
        (("--capital", "-1"), "`capital` must be above 0"),
        (("--slippage", "2"), "`slippage` must be a fraction"),
        (("--model", "somewhere"), "began without a trained model; leave --model out"),
    ],
)
def test_what_cannot_be_asked(path, words, told, capsys):
    assert parity("--journal", path, *words) == 2
    assert told in capsys.readouterr().err
