"""A journal's place: made whole, or left as it was found, with one line."""

import sqlite3

import pytest

from live.place import connect, made, require_place
from research.errors import OutputError


def test_places_where_no_journal_can_be(tmp_path):
    with pytest.raises(OutputError, match=r"there is no folder .*nowhere; make it or name another"):
        require_place(tmp_path / "nowhere" / "run.sqlite")
    with pytest.raises(OutputError, match="must be a file, was a folder; name a file in it"):
        require_place(tmp_path)
    require_place(tmp_path / "run.sqlite")


def test_a_place_that_must_not_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # who runs as root may write everywhere
    with pytest.raises(
        OutputError, match=f"journal .*run.sqlite: {tmp_path} cannot be written; name another"
    ):
        require_place(tmp_path / "run.sqlite")


def test_a_file_that_cannot_be_made(tmp_path):
    path = tmp_path / ("x" * 300)
    with (
        pytest.raises(OutputError, match=r"cannot be made \(File name too long\); name another"),
        made(path, connect),
    ):
        pytest.fail("it was made")


def broken(path):
    raise sqlite3.OperationalError("disk I/O error")


def test_what_fails_half_way_leaves_nothing_of_its_own(tmp_path):
    path = tmp_path / "run.sqlite"
    with pytest.raises(OutputError, match=r"cannot be made \(disk I/O error\)"), made(path, broken):
        pytest.fail("it was made")
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(OutputError, match=r"cannot be made \(no such table: missing\)"),
        made(path, connect) as db,
    ):
        db.execute("SELECT * FROM missing")
    assert list(tmp_path.iterdir()) == []


def test_what_another_made_meanwhile_stays(tmp_path):
    path = tmp_path / "run.sqlite"
    path.touch()
    with pytest.raises(OutputError, match="disk I/O error"), made(path, broken):
        pytest.fail("it was made")
    assert path.exists()
