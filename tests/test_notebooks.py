"""Each notebook runs from top to bottom, equals its paired script, and uses the public face only."""

import ast
from pathlib import Path

import jupytext
import nbclient
import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def test_there_is_a_notebook():
    assert NOTEBOOKS


def test_notebook_equals_its_script(notebook):
    in_notebook = nbformat.read(notebook, as_version=4)
    in_script = jupytext.read(notebook.with_suffix(".py"))
    assert [(c.cell_type, c.source) for c in in_notebook.cells] == [
        (c.cell_type, c.source) for c in in_script.cells
    ]


def test_notebook_is_committed_small_and_without_outputs(notebook):
    assert notebook.stat().st_size < 1_000_000
    for cell in nbformat.read(notebook, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_notebook_has_no_logic_and_one_import(notebook):
    tree = ast.parse(notebook.with_suffix(".py").read_text())
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["import research as rs"]
    logic = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Try, ast.With, ast.Lambda)
    assert not [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, logic)]


def test_notebook_runs(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONWARNINGS", "error:::__main__")
    cells = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(cells, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    complaints = [
        output.text
        for cell in cells.cells
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    ]
    assert not complaints
    assert (tmp_path / "signals.csv").stat().st_size > 0
