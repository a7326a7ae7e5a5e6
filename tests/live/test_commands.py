"""The commands that watch and stop a runner as Python starts them: help, an interrupt while loading."""

import os
import runpy
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

MODULES = ["live.kill", "live.parity", "live.status", "live.watchdog"]
SAID = defaultdict(
    lambda: "files are written whole",
    {"live.kill": "NOT confirmed that anything is latched or cancelled; run it again"},
)
ROOT = Path(__file__).parents[2]


def started(monkeypatch, module, *words):
    """Run a module as `python -m` does; return the status and whatever was printed."""
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "argv", [module, *words])
    with pytest.raises(SystemExit) as left:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return left.value.code


@pytest.mark.parametrize("module", MODULES)
def test_help(monkeypatch, capsys, module):
    assert started(monkeypatch, module, "--help") == 0
    assert f"Usage: python -m {module}" in capsys.readouterr().out


@pytest.mark.parametrize("module", MODULES)
def test_an_interrupt_while_it_runs_is_one_line(monkeypatch, capsys, module):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("research.console.run", interrupt)
    monkeypatch.setattr("research.console.leave", sys.exit)  # which would end this process
    assert started(monkeypatch, module, "--help") == 1
    assert capsys.readouterr().err.startswith(f"python -m {module}: interrupted; {SAID[module]}")


@pytest.mark.parametrize("module", [*MODULES, "live.runner"])
def test_an_interrupt_while_it_is_loaded_is_one_line_and_status_1(tmp_path, module):
    # What a file imports at its head; an interrupt inside `exec` would end a process by SIGINT (see `leave`).
    for name in ("typer", "numpy"):
        (tmp_path / f"{name}.py").write_text("exec('raise KeyboardInterrupt')\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    said = f"python -m {module}: interrupted; {SAID[module]}"
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_status_of_a_command_is_its_own(monkeypatch, status):
    monkeypatch.setattr("research.console.run", lambda *_args, **_options: status)
    monkeypatch.setattr("research.console.leave", sys.exit)
    assert started(monkeypatch, "live.kill") == status
