"""Every example in a docstring runs and prints what it says; every public name has one."""

import doctest
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import live
import research

ROOT = Path(__file__).parents[1]
# They load an extra's library at once, so they are not imported here; they have no examples.
WITHOUT_EXAMPLES = ("research.simulation.on_dask", "research.simulation.on_ray")
MODULES = ["research", "live"] + [
    found.name
    for package in (research, live)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__") and found.name not in WITHOUT_EXAMPLES
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_print_what_they_say(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example that writes a file writes it here
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(import_module(module), optionflags=flags).failed == 0


@pytest.mark.parametrize("module", WITHOUT_EXAMPLES)
def test_backends_without_examples(module):
    assert ">>>" not in (ROOT / module.replace(".", "/")).with_suffix(".py").read_text()


@pytest.mark.parametrize("name", research.__all__)
def test_public_name_has_an_example(name):
    value = getattr(research, name)
    if callable(value) and not (isinstance(value, type) and issubclass(value, Exception)):
        found = doctest.DocTestFinder(recurse=True).find(value, name)
        assert any(part.examples for part in found), f"research.{name} has no example"
