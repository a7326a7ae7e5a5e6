"""The search for keys finds them wherever they may be left, in one process and in several."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import files, leaks_from
from tests.live.canary import KEY, NAMES, SECRET, sung

ROOT = Path(__file__).parents[1]
CLEAN = """
import logging, os
def test_clean(tmp_path):
    logging.getLogger("a").debug("nothing")
    (tmp_path / "file").write_text("nothing")
    assert os.environ["APCA_API_KEY_ID"].startswith("AK")
"""
PLANTED = """
import logging, os, subprocess, sys, threading, zipfile
KEY, SECRET = os.environ["APCA_API_KEY_ID"], os.environ["APCA_API_SECRET_KEY"]
def test_output():
    print(SECRET[3:])
def test_error_output_of_a_child():
    subprocess.run([sys.executable, "-c", "import os, sys; print(os.environ, file=sys.stderr)"])
def test_log():
    logging.getLogger("some.library").debug("headers %s", {"id": KEY})
def test_traceback():
    raise ValueError(KEY)
def test_file(tmp_path):
    (tmp_path / "journal.sqlite-wal").write_bytes(b"\\x00" * 9000 + SECRET.encode() + b"\\xff")
def test_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("names.npy", SECRET)
def test_nothing():
    pass
def test_log_that_pytest_does_not_keep(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [h for h in root.handlers if type(h).__name__ == "Ear"])
    logging.getLogger("kept.by.nobody").debug(SECRET)
"""


def leaking(folder):
    """Return the files below a folder from which a key leaks."""
    return [path for path in files(folder) if leaks_from(path)]


@pytest.fixture
def suite(tmp_path):
    """Run some tests under the search, and return the process that did."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {*NAMES, "PYTEST_ADDOPTS"}
    }

    def run(text, *words):
        folder = tmp_path / "suite"
        folder.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_them.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-p", "tests.canaries", "-p", "no:cacheprovider", *words]
        return subprocess.run(
            [*command, "-rA", str(folder)],
            cwd=folder, env={**environment, "PYTHONPATH": str(ROOT), "PYTEST_DEBUG_TEMPROOT": str(tmp_path),
                 "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    yield run
    # What was leaked on purpose must not lie where the search of this very session comes.
    for path in leaking(tmp_path):
        path.unlink()


def test_a_clean_suite_passes(suite):
    done = suite(CLEAN)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "a key can be read" not in done.stdout


@pytest.mark.parametrize("words", [[], ["-p", "xdist", "-n", "2"]], ids=["here", "workers"])
def test_what_leaks_is_named_and_not_shown(suite, words):
    done = suite(PLANTED, *words)
    assert done.returncode == 1
    assert "4 failed, 4 passed" in done.stdout
    for name in ("test_output", "test_error_output_of_a_child", "test_log", "test_traceback"):
        assert f"test_them.py::{name}: a key can be read in what this test left (call)" in done.stdout
    told = sorted(line for line in done.stdout.splitlines() if line.startswith("a key can be read in "))
    files = {line.rpartition("/")[2] for line in told if "file" in line}
    assert files == {"arrays.npz", "journal.sqlite-wal"}
    logs = [
        "a key can be read in log `kept.by.nobody` during test_them.py::test_log_that_pytest_does_not_keep",
        "a key can be read in log `some.library` during test_them.py::test_log",
    ]
    assert [line for line in told if "log `" in line] == logs
    # Each test has three reports: of its beginning, its call and its end.
    assert re.search(
        r"\d+ log records, 24 reports and \d+ files were looked through for keys, 4 found", done.stdout
    )
    assert not sung(done.stdout + done.stderr)


def test_a_session_that_passes_but_for_a_file_fails(suite):
    done = suite(PLANTED, "-k", "file")
    assert "1 passed, 7 deselected" in done.stdout
    assert done.returncode == 1


def test_damaged_archives_and_links_are_looked_at_as_they_are(tmp_path):
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04" + b"\x00" * 20)
    (tmp_path / "leak.zip").write_bytes(b"PK\x03\x04" + KEY.encode())
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "alpaca.toml").write_text(KEY)
    assert leaking(tmp_path) == [tmp_path / "leak.zip"]
    (tmp_path / "leak.zip").unlink()
    (tmp_path / SECRET).mkdir()
    (tmp_path / SECRET / "empty").touch()
    assert leaking(tmp_path) == [tmp_path / SECRET / "empty"]
    (tmp_path / SECRET / "empty").unlink()
    assert leaking(tmp_path) == files(None) == []


def test_this_suite_is_searched(request):
    assert request.config.pluginmanager.hasplugin("canaries")
    assert {name: os.environ[name] for name in NAMES} == NAMES
    assert sung(SECRET)
