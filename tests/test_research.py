"""The public face: every name loads, is documented, is typed, and costs nothing until it is used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import research

ROOT = Path(__file__).parents[1]


def test_public_names_load_and_are_documented():
    for name in research.__all__:
        value = getattr(research, name)
        if callable(value):
            assert value.__doc__, f"{name} has no docstring"


def test_public_names_agree_with_type_checkers():
    tree = ast.parse((ROOT / "research" / "__init__.py").read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == research._HOME
    assert sorted(typed) == sorted(research.__all__)


def test_unknown_public_name_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'run_backtest'"):
        research.run_backtest  # noqa: B018


def test_import_research_loads_nothing_heavy():
    code = "import sys, research; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"numba", "numpy", "pandas", "plotly", "polars", "scipy", "sklearn", "vectorbt"}
    assert not heavy & set(loaded.stdout.split())
