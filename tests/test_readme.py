"""What the README shows runs as it stands there: its Python and its commands."""

import re
import shlex
from pathlib import Path

import live.cli
import research.cli
from research.console import run

ROOT = Path(__file__).parents[1]
APPS = {"research": research.cli.app, "live.runner": live.cli.app}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert {"result", "swept", "engine", "intents"} <= names.keys()


def test_readme_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.startswith("python -m ")]
    assert len(lines) >= 5
    for line in lines:
        module, *arguments = shlex.split(line)[2:]
        if arguments[0] != "demo":  # tests/test_demo.py runs the tour
            assert run(APPS[module], arguments, name=module) == 0, line
    assert (tmp_path / "signals.csv").exists()
    assert list(tmp_path.glob("*.sqlite"))
