"""Nothing in the library can run code that a file brings: no pickle, by any of its names."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "pickletools"}
METHODS = {"read_pickle", "to_pickle", "__reduce__", "__reduce_ex__"}


def offences(source: str) -> list[str]:
    """What in a module's source could pickle or unpickle, with its line."""
    tree = ast.parse(source)
    # Import names to what they stand for: `import numpy as np` and `from torch import load as read`.
    stands: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                stands[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            stands |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return [f"{node.lineno}: {what}" for node in ast.walk(tree) for what in _offends(node, stands)]  # type: ignore[attr-defined]


def _offends(node: ast.AST, stands: dict[str, str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if _pickles(alias.name)]
    if isinstance(node, ast.ImportFrom):
        return [
            f"{node.module}.{alias.name}" for alias in node.names if _pickles(f"{node.module}.{alias.name}")
        ]
    if isinstance(node, ast.FunctionDef):
        return [node.name] if node.name in METHODS else []
    if isinstance(node, ast.Constant):
        # As in an import by its name in quotes.
        return [node.value] if isinstance(node.value, str) and node.value in MODULES else []
    if isinstance(node, ast.Attribute):
        name = _full(node, stands)
        if node.attr in METHODS or _pickles(name):
            return [name]
        return []
    if isinstance(node, ast.keyword):
        allowed = node.arg == "allow_pickle" and not _is(node.value, False)
        return ["allow_pickle"] if allowed else []
    if isinstance(node, ast.Call):
        name = _full(node.func, stands)
        given = {word.arg: word.value for word in node.keywords}
        if name == "numpy.load" and "allow_pickle" not in given:
            return ["numpy.load without allow_pickle=False"]
        if name == "torch.load" and not _is(given.get("weights_only"), True):
            return ["torch.load without weights_only=True"]
        if any(word.arg is None for word in node.keywords) and name in {"numpy.load", "torch.load"}:
            return [f"{name} with keywords unseen"]
    return []


def _pickles(name: str) -> bool:
    parts = name.split(".")
    if not MODULES.isdisjoint(parts):
        return True
    return (parts[0] == "joblib" and parts[-1] in {"load", "dump", "numpy_pickle"}) or (
        parts[0] == "torch" and parts[-1] in {"save", "jit"}
    )


def _full(node: ast.expr, stands: dict[str, str]) -> str:
    """`np.load` as "numpy.load"; "?" for what is no name."""
    if isinstance(node, ast.Name):
        return stands.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_full(node.value, stands)}.{node.attr}"
    return "?"


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


FILES = sorted(path for folder in ("research", "live") for path in (ROOT / folder).rglob("*.py"))


def test_library_is_free_of_pickle():
    assert len(FILES) > 60
    found = {str(path.relative_to(ROOT)): offences(path.read_text()) for path in FILES}
    assert {path: told for path, told in found.items() if told} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle",
        "import pickle as p",
        "import json, cPickle",
        "import _pickle",
        "import dill",
        "import cloudpickle.cloudpickle",
        "import joblib.externals.cloudpickle",
        "import shelve",
        "import marshal",
        "from pickle import loads",
        "from pickle import Unpickler as U",
        "from cloudpickle import dumps",
        "from joblib.externals import cloudpickle",
        "from numpy.lib import pickle",
        "def f():\n    import pickle",
        "try:\n    import dill\nexcept ImportError:\n    dill = None",
        "import importlib\nimportlib.import_module('pickle')",
        "__import__('dill')",
        "import joblib\njoblib.load(p)",
        "import joblib\njoblib.dump(m, p)",
        "import joblib as j\nread = j.load",
        "from joblib import load",
        "from joblib import dump as keep",
        "import joblib.numpy_pickle",
        "import torch\ntorch.load(p)",
        "import torch\ntorch.load(p, weights_only=False)",
        "import torch\ntorch.load(p, weights_only=flag)",
        "import torch\ntorch.load(p, **more)",
        "import torch as t\nt.load(p)",
        "from torch import load\nload(p)",
        "import torch\ntorch.save(m, p)",
        "import torch\ntorch.jit.load(p)",
        "import numpy as np\nnp.load(p)",
        "import numpy\nnumpy.load(p)",
        "from numpy import load\nload(p)",
        "from numpy import load as read\nread(p, mmap_mode='r')",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import numpy as np\nnp.load(p, allow_pickle=flag)",
        "import numpy as np\nnp.save(p, x, allow_pickle=True)",
        "import numpy as np\nnp.lib.format.read_array(f, allow_pickle=1)",
        "import numpy as np\nnp.core.multiarray.pickle.loads(b)",
        "import pandas as pd\npd.read_pickle(p)",
        "frame.to_pickle(p)",
        "class A:\n    def __reduce__(self): return f, ()",
    ],
)
def test_each_planted_pickle_is_caught(planted):
    assert offences(planted)


@pytest.mark.parametrize(
    "honest",
    [
        "import json\njson.load(f)",
        "import numpy as np\nnp.load(p, allow_pickle=False)",
        "import numpy as np\nnp.savez(p, x=x)",
        "import torch\ntorch.load(p, weights_only=True)",
        "import joblib\njoblib.Parallel(n_jobs=2)",
        "from joblib import Parallel, delayed",
        "import skops.io as sio\nsio.loads(b, trusted=[])",
        "import xgboost\nxgboost.Booster().load_model(b)",
        "text = 'no pickle, ever'",
    ],
)
def test_honest_code_passes(honest):
    assert offences(honest) == []
