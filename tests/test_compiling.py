"""What is compiled before a first run is what runs compile: the same functions for the same types."""

import logging
import os
import subprocess
import sys

import pytest

from research import compiling
from research.kernels.jit import cache_folder

COUNTED = """
from research import compiling, load_sample
from research.kernels import advance, broker, online, rows, scan, settle, shadow, sums
from research.request import Request
from research.simulation.backtest import backtest
from research.simulation.sweep import sweep
for part in compiling.PARTS.values():
    part()
features = advance.advance_nb, rows.rows_nb
decisions = shadow.shadow_nb, online.speak_nb, scan.scan_nb, broker.decide_nb
figures = sums.curves_nb, sums.trips_nb, settle.hold_nb, settle.settle_all_nb
print([len(kernel.signatures) for kernel in features + decisions + figures], compiling.is_compiled())
bars = load_sample(["IBM"])
assert backtest(Request("ma_crossover"), bars).trades.height > 0
sweep(bars, "ma_crossover", {"fast": [10, 20]}, ledger=None)
print([len(kernel.signatures) for kernel in features + decisions + figures])
"""


def test_parts_compile_no_type_that_runs_do_not_use():
    """A call of rows_nb with other types than advance_nb's would compile it twice, in vain."""
    told = subprocess.run([sys.executable, "-c", COUNTED], check=True, capture_output=True, text=True).stdout
    assert told.splitlines()[-2:] == [f"{[1] * 10} True", f"{[1] * 10}"]


def test_nothing_is_started_where_the_cache_is_full(monkeypatch):
    monkeypatch.setattr(compiling, "is_compiled", lambda: True)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a process"))
    compiling.compile_kernels()


def test_an_empty_folder_holds_no_kernels(tmp_path, monkeypatch):
    assert compiling.is_compiled() == any(cache_folder().rglob("advance.advance_nb*.nbi"))
    monkeypatch.setattr(compiling, "cache_folder", lambda: tmp_path)
    assert not compiling.is_compiled()


def test_a_part_that_fails_is_told(monkeypatch, caplog):
    monkeypatch.setattr(compiling, "is_compiled", lambda: False)
    monkeypatch.setattr(compiling, "PARTS", {"nothing": lambda: None})
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with caplog.at_level(logging.WARNING):
        compiling.compile_kernels()
    assert "kernels of nothing were not compiled beforehand (status 1)" in caplog.text


INTERRUPTED = """
import os, signal, sys, threading, time
from research import compiling
compiling.is_compiled = lambda: False
os.cpu_count = lambda: 2
sys.executable = sys.argv[1]
def interrupt():
    pids = os.path.join(os.path.dirname(sys.executable), "pids")
    while not os.path.exists(pids) or len(open(pids).read().split()) < 2:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt, daemon=True).start()
begun = time.monotonic()
try:
    compiling.compile_kernels()
except KeyboardInterrupt:
    print("interrupted", time.monotonic() - begun < 30.0)
"""


def test_ctrl_c_ends_both_at_once(tmp_path):
    endless = tmp_path / "endless"
    endless.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 60\n")
    endless.chmod(0o700)
    command = [sys.executable, "-c", INTERRUPTED, str(endless)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told == "interrupted True\n"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
