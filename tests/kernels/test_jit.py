"""The Numba policy: where compiled kernels are kept, and that they are found again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from numba.core import config as _config

from research.errors import OnepathError
from research.kernels import jit
from research.kernels.windows import warm_nb as _warm_nb

# What Numba adds to a function, its types do not tell.
warm_nb: Any = _warm_nb
config: Any = _config


def fresh(code: str, **environment: str) -> str:
    """Run code in a new process and return what it prints."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "XDG_CACHE"))} | environment
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=env, capture_output=True, text=True, timeout=120, check=False, cwd=Path(jit.__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A cache folder decided anew."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    jit.cache_folder.cache_clear()
    yield tmp_path
    jit.cache_folder.cache_clear()


def test_folder_is_named_after_the_sources(elsewhere):
    folder = jit.cache_folder()
    assert folder == elsewhere / "onepath" / f"kernels-{jit.kernel_hash()}"
    assert folder.is_dir()


def test_hash_sees_every_kernel_source_and_nothing_else(tmp_path, monkeypatch):
    for name in ("kernels/a.py", "strategies/b.py", "learning/c.py", "features/d.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    monkeypatch.setattr(jit, "_PACKAGE", tmp_path)
    first = jit.kernel_hash.__wrapped__()
    (tmp_path / "features/d.py").write_text("x = 2\n")
    (tmp_path / "learning/c.py").write_text("x = 2\n")
    (tmp_path / "kernels/a.py").write_bytes(b"x = 1\r\n")
    assert jit.kernel_hash.__wrapped__() == first, "neither other files nor line ends count"
    seen = {first}
    for name in ("kernels/a.py", "strategies/b.py"):
        (tmp_path / name).write_text("x = 3\n")
        seen.add(jit.kernel_hash.__wrapped__())
    (tmp_path / "kernels/a.py").rename(tmp_path / "kernels/z.py")
    seen.add(jit.kernel_hash.__wrapped__())
    assert len(seen) == 4


def test_other_libraries_keep_their_cache_setting(elsewhere, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", "/theirs")
    jit.njit(warm_nb.py_func)
    assert config.CACHE_DIR == "/theirs"


def test_policy():
    options = warm_nb.targetoptions
    assert options["nopython"]
    assert options["nogil"]
    assert options["error_model"] == "numpy"
    assert not options["fastmath"]
    assert not options.get("parallel")


def test_a_function_without_a_file_is_compiled_but_not_cached():
    scope: dict = {}
    exec("def twice_nb(x):\n    return x + x\n", scope)
    twice: Any = jit.njit(scope["twice_nb"])
    assert twice(3) == 6
    assert twice.stats.cache_path is None


def test_unwritable_folder_is_told_and_replaced_by_a_private_one(tmp_path, monkeypatch, caplog):
    # A file where the folder should be cannot be written even by root.
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "blocked"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    jit.cache_folder.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            folder = jit.cache_folder()
        assert folder.is_relative_to(tmp_path)
        assert folder.parent.stat().st_mode & 0o077 == 0
        assert "cannot be written; compiled kernels go to" in caplog.text
        assert jit.njit(warm_nb.py_func) is not None
    finally:
        jit.cache_folder.cache_clear()


def test_a_temporary_folder_that_others_can_write_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    trap = tmp_path / f"onepath-{os.getuid()}"
    trap.mkdir()
    trap.chmod(0o777)
    assert jit._private_temporary() != trap


def test_no_folder_at_all_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "_writable", lambda folder: False)
    jit.cache_folder.cache_clear()
    try:
        with pytest.raises(OnepathError, match="set NUMBA_CACHE_DIR to a folder that can"):
            jit.cache_folder()
    finally:
        jit.cache_folder.cache_clear()


def test_folders_of_old_kernels_are_forgotten_after_a_month(elsewhere):
    root = elsewhere / "onepath"
    for name, days in (("kernels-old", 40), ("kernels-recent", 3), ("something-else", 400)):
        (root / name).mkdir(parents=True)
        then = time.time() - days * 86400
        os.utime(root / name, (then, then))
    current = jit.cache_folder()
    assert {p.name for p in root.iterdir()} == {current.name, "kernels-recent", "something-else"}


def test_vector_mathematics_that_differs_in_the_last_bit_is_refused(monkeypatch):
    monkeypatch.setattr(config, "USING_SVML", True)
    with pytest.raises(OnepathError, match="set NUMBA_DISABLE_INTEL_SVML=1"):
        jit.njit(warm_nb.py_func)


def test_a_new_process_finds_compiled_kernels(tmp_path):
    code = """
        import numpy as np
        from research.kernels.windows import warm_nb
        warm_nb(np.zeros((1, 4)), 0, 0, 4, 2)
        print(sum(warm_nb.stats.cache_hits.values()), sum(warm_nb.stats.cache_misses.values()))
    """
    assert fresh(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == ["0", "1"]
    assert fresh(code, NUMBA_CACHE_DIR=str(tmp_path)).split() == ["1", "0"]


def test_no_kernel_is_compiled_twice_under_one_policy():
    # Literal arguments would make Numba compile a function anew for each value.
    assert not any("Literal" in str(signature) for signature in warm_nb.signatures)
