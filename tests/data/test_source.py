"""What `--bars` takes: a file, or a store's folder, in every command that has it."""

import polars as pl
import pytest

from live.cli import app as runner
from live.parity import app as parity
from research.cli import app as research
from research.console import run
from research.data.sample import load_sample
from research.data.source import bars_at
from research.data.store import BarStore
from research.errors import BadValue, DataError, UnknownName

SPAN = ["--start", "2006-01-01", "--end", "2007-06-30"]
RULE = ["--strategy", "ma_crossover"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("store")
    bars = load_sample(["AAPL", "IBM", "MSFT"])
    BarStore(path).write(bars.filter(pl.col("bar_close").dt.year() < 2008))
    return path


@pytest.fixture(scope="module")
def file(folder):
    path = folder.parent / "bars.parquet"
    BarStore(folder).read(["AAPL", "IBM"]).write_parquet(path)
    return path


def test_a_store_gives_the_symbols_asked_for(folder, file):
    assert bars_at(folder, ["AAPL", "IBM"]).equals(bars_at(file))
    assert bars_at(folder)["symbol"].unique().sort().to_list() == ["AAPL", "IBM", "MSFT"]


def test_what_a_store_does_not_take_is_refused(folder, tmp_path):
    with pytest.raises(UnknownName, match="unknown symbol 'APPL'"):
        bars_at(folder, ["APPL"])
    with pytest.raises(DataError, match="holds no bars"):
        bars_at(tmp_path)
    for more in ({"interval": "1min"}, {"timezone": "America/New_York"}, {"on_bad": "drop"}):
        with pytest.raises(BadValue, match=r"says how a file is read, was .* is the folder of a store"):
            bars_at(folder, **more)  # type: ignore[arg-type]


def said(capsys, app, *words):
    """Run a command; return its status and what it printed, without the paths."""
    status = run(app, [str(word) for word in words], name="onepath")
    out, err = capsys.readouterr()
    return status, [line for line in (out + err).splitlines() if "wrote" not in line]


def test_a_backtest_over_a_store_is_the_one_over_a_file(folder, file, capsys):
    words = ("backtest", *RULE, *SPAN, "--symbols", "AAPL,IBM", "--bars")
    mine, its = (said(capsys, research, *words, path) for path in (folder, file))
    assert mine[0] == 0
    assert mine == its


def test_a_sweep_reads_a_store(folder, capsys, tmp_path):
    words = ["sweep", *RULE, *SPAN, "--symbols", "IBM", "--bars", folder, "--grid", "fast=5:20:5"]
    status, lines = said(capsys, research, *words, "--out", tmp_path)
    assert (status, lines[-1][:10]) == (0, "4 cells × "), lines
    assert pl.read_parquet(tmp_path / "metrics.parquet")["symbol"].unique().to_list() == ["IBM"]


def test_a_replay_and_its_parity_read_a_store(folder, capsys, tmp_path):
    journal = tmp_path / "run.sqlite"
    words = ["--replay", *RULE, *SPAN, "--symbols", "IBM", "--bars", folder, "--journal", journal]
    assert said(capsys, runner, *words)[0] == 0
    assert said(capsys, parity, "--journal", journal)[0] == 2
    status, lines = said(capsys, parity, "--journal", journal, "--bars", folder)
    assert status == 0, lines
    assert "decisions agree with the backtest, bit for bit" in lines[1]
