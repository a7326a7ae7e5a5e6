"""The Python that the README shows runs as it stands there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_readme_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert {"result", "swept", "engine", "intents"} <= names.keys()
