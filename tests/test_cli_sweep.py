"""`python -m research sweep`: what it writes, what it refuses, and how it goes on after Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from research import console
from research.cli import app
from research.simulation.swept import SweepResult

COMMON = ("--strategy", "ma_crossover", "--symbols", "IBM", "--start", "2009-01-01")


def command(*words):
    return [sys.executable, "-m", "research", "sweep", *map(str, words)]


def run(*words):
    return subprocess.run(command(*words), capture_output=True, text=True, check=False)


def test_it_writes_figures_and_manifest(tmp_path):
    out = tmp_path / "out"
    words = (*COMMON, "--grid", "fast=5:15:5", "--grid", "slow=20,50", "--param", "stop=0.05")
    told = run(*words, "--out", out, "--sample", 4, "--seed", 3)
    assert (told.returncode, told.stderr) == (0, "")
    assert "4 cells × 1 symbols by fused" in told.stdout
    assert "cells per second" in told.stdout
    assert {p.name for p in out.iterdir()} >= {"metrics.parquet", "metrics.csv", "manifest.json"}
    assert not (out / "chunks").exists()
    assert json.loads((out / "manifest.json").read_text())["complete"]
    swept = SweepResult.load(out)
    assert len(swept.grid) == 4
    assert swept.grid.fixed == {"stop": 0.05}
    assert pl.read_csv(out / "metrics.csv").height == pl.read_parquet(out / "metrics.parquet").height == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grid", "fast"), "--grid must be written name=values, was 'fast'"),
        (("--grid", "fast=5", "--grid", "fast=6"), "--grid names fast twice"),
        (("--grid", "fast=a"), "the values of `fast` must be numbers and ranges, was 'a'"),
        (("--grid", "fsat=5"), "did you mean 'fast'"),
        (("--grid", "fast=60", "--grid", "slow=50"), "allows none of the 1 combinations"),
        (("--grid", "fast=5", "--backend", "dusk"), "dusk"),
        (("--grid", "fast=5", "--workers", "2"), "`workers` is of a cluster"),
        (("--grid", "fast=5", "--memory-mb", "0.5"), "`memory_mb` was 0.5; raise it"),
    ],
)
def test_wrong_questions_are_one_line_and_status_2(tmp_path, capsys, words, said):
    told = ["sweep", *COMMON, *words, "--out", str(tmp_path / "out")]
    assert console.run(app, told, name="research") == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert not list(tmp_path.glob("out*")), "a refused sweep leaves nothing behind"


def test_after_ctrl_c_the_same_command_goes_on(tmp_path):
    out = tmp_path / "out"
    many = ("--grid", "trail=0:0.9:0.002", "--grid", "stop=0:0.9:0.002")  # 203,401 cells, 50 chunks
    words = (*COMMON, *many, "--param", "fast=20")
    process = subprocess.Popen(
        command(*words, "--out", out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    until = time.monotonic() + 240
    while not list(Path(out).glob("chunks/cells-*.parquet")) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert said.count("\n") == 1
    assert f"cells are finished and kept in {out / 'chunks'}; run the same command again to go on" in said
    assert not (out / "metrics.parquet").exists()
    other = run(*words, "--capital", 5000, "--out", out)
    assert other.returncode == 2
    assert "holds the chunks of another sweep" in other.stderr
