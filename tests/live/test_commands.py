"""The commands that watch and stop a runner as Python starts them: help, an interrupt while loading."""

import runpy
import sys

import pytest

MODULES = ["live.kill", "live.status", "live.watchdog"]


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
def test_an_interrupt_while_it_loads_is_one_line(monkeypatch, capsys, module):
    def interrupt(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("research.console.run", interrupt)
    assert started(monkeypatch, module, "--help") == 1
    assert capsys.readouterr().err.startswith(f"python -m {module}: interrupted")
