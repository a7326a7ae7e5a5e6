"""A look into files that somebody writes: never in their way, and never a wrong answer."""

import sqlite3

import pytest

from live.journal import Journal
from live.reading import Reading
from live.rows import Event
from live.schema import VERSION
from research.errors import BadValue, SnapshotMismatch
from tests.live.status_helpers import begin, change, healthy


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run?#.sqlite"  # what an address would take for its own


def test_it_reads_what_was_written_and_writes_nothing(path):
    begin(path, mark="here")
    with Reading.journal(path) as journal:
        assert (journal.begun, journal.meta("mark"), journal.meta("none")) == (True, "here", None)
        with pytest.raises(SnapshotMismatch, match="readonly"):
            journal.rows("DELETE FROM meta")


def test_a_writer_and_a_reader_do_not_wait_for_each_other(path):
    begin(path)
    writer = Journal.at(path)
    with Reading.journal(path) as journal:
        before = journal.rows("SELECT count(*) FROM events")
        writer.tell(Event("news", "while somebody reads"))
        assert journal.rows("SELECT count(*) FROM events") == before  # all of one instant
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM events")
    with Reading.journal(path) as journal:
        assert journal.rows("SELECT count(*) FROM events") == [(before[0][0] + 1,)]
    db.execute("ROLLBACK")
    db.close()
    writer.close()


def test_what_is_not_begun_is_told(path):
    path.touch()
    with Reading.journal(path) as journal:
        assert not journal.begun
    with Reading.limits(path) as limits:
        assert not limits.begun


@pytest.mark.parametrize("open_", [Reading.journal, Reading.limits])
def test_what_is_not_there_is_refused_and_not_made(path, open_):
    with pytest.raises(BadValue, match="is not there"):
        open_(path)
    assert not path.exists()
    with pytest.raises(BadValue, match="is a folder"):
        open_(path.parent)


@pytest.mark.parametrize("open_", [Reading.journal, Reading.limits])
def test_what_is_no_database_is_refused(path, open_):
    path.write_bytes(b"not a database, and long enough that nobody takes it for one" * 50)
    with pytest.raises(SnapshotMismatch, match="cannot be read"):
        open_(path)


def test_a_newer_version_is_refused(path):
    begin(path)
    change(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(SnapshotMismatch, match=f"must have schema version {VERSION}.*was {VERSION + 1}"):
        Reading.journal(path)


def test_a_database_of_another_program_is_refused(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(SnapshotMismatch, match="another program"):
        Reading.journal(path)


def test_a_damaged_journal_is_refused(path):
    healthy(path)
    change(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 4] = b"\xaa" * 8192
    path.write_bytes(bytes(data))
    with pytest.raises(SnapshotMismatch):
        Reading.journal(path)


def test_what_cannot_be_opened_is_told(path, monkeypatch):
    def refuse(*_args, **_options):
        raise sqlite3.OperationalError("unable to open database file")

    path.touch()
    monkeypatch.setattr("sqlite3.connect", refuse)
    with pytest.raises(SnapshotMismatch, match="unable to open"):
        Reading(path, "journal")
