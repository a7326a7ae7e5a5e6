"""A writer that fails or dies at any instant leaves the old state of the store or the new, never half."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from research.errors import OutputError
from research.learning.artifact import promote, prune, read_version, rollback, versions, write_version
from tests.learning.damages import FACTS, FILES, store_in

ROOT = Path(__file__).parents[2]


def crashing(folder: Path, study: str) -> int:
    """Run a study of `crashing`; return the number it tells."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.learning.crashing", str(folder), study]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    match = re.match(r"\d+", done.stdout)
    assert match, done.stdout
    return int(match[0])


def test_death_at_every_step(tmp_path):
    assert crashing(tmp_path, "every_step") >= 60


def test_death_at_random(tmp_path):
    assert crashing(tmp_path, "random") >= 30


def test_writers_at_once(tmp_path):
    assert crashing(tmp_path, "at_once") >= 1


@pytest.mark.parametrize("name", ["open", "write", "fsync", "mkdir", "rename", "replace"])
@pytest.mark.parametrize("act", ["write", "promote", "rollback", "prune"])
def test_system_that_refuses_is_an_output_error(tmp_path, monkeypatch, name, act):
    store, version = store_in(tmp_path)
    third = write_version(store, {"model": b"third"}, {})
    acts = {
        "write": lambda: write_version(store, {"model": b"new", "more": b"x"}, {}),
        "promote": lambda: promote(store, third),
        "rollback": lambda: rollback(store),
        "prune": lambda: prune(store),
    }
    real = getattr(os, name)
    for k in range(50):
        calls = 0

        def full(*arguments, k=k, **words):
            nonlocal calls
            writes = name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR)
            calls += bool(writes)
            if writes and calls == k + 1:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **words)

        with monkeypatch.context() as patched:
            patched.setattr(os, name, full)
            try:
                acts[act]()
                break
            except OutputError as problem:
                said = str(problem)
        assert re.fullmatch(rf"{store}\S* cannot be written \(No space left on device\); choose .*", said)
        assert [p.name for p in (store / "versions").iterdir() if p.name.startswith(".writing")] == []
        assert list(store.glob(".current*")) == []
        for known in versions(store):
            read_version(store, known)
        if act in {"write", "prune"}:
            assert read_version(store) == (FACTS, FILES)
        else:
            read_version(store)
            promote(store, version)
    else:
        pytest.fail("the system never gave way")
