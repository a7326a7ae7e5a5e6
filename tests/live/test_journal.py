"""The journal file: whole or not at all, whatever happens to it at any statement."""

import shutil
import sqlite3

import pytest

from live.broker import SimulatedBroker
from live.journal import Journal
from live.place import connect
from live.replay import open_replay
from live.rows import Event
from live.schema import VERSION
from research.data import load_sample
from research.errors import OutputError, SnapshotMismatch
from tests.live.helpers import change, content, query, replayed, request

SAMPLE = load_sample(["AAPL", "IBM"])
# Five bars in which orders are decided, filled and protected.
SHORT = request(start="2006-10-16", end="2006-10-20", train_fraction=0.0, params={"trail_atr": 3.0})


class Killed(BaseException):
    """The process is gone; nothing that it wanted to do afterwards happens."""


def dying(at, *, after=False):
    """Return a way to open databases that dies at the n-th statement, before or after it is carried out."""

    class Dying(sqlite3.Connection):
        statements = 0

        def _count(self, carry_out, *said):
            type(self).statements += 1
            if type(self).statements > at or (type(self).statements == at and not after):
                raise Killed
            done = carry_out(*said)
            if type(self).statements == at:
                raise Killed
            return done

        def execute(self, *said):
            return self._count(super().execute, *said)

        def executemany(self, *said):
            return self._count(super().executemany, *said)

    def opened(path):
        return sqlite3.connect(path, isolation_level=None, factory=Dying)

    return opened


def run_dying(path, opened):
    """Run the five bars on such a database; say whether it died."""
    held = []

    def connecting(place):
        held.append(opened(place))
        return held[-1]

    try:
        replay = open_replay(SHORT, SAMPLE, path, broker=SimulatedBroker(1), connect=connecting)
        replay.runner.run()
    except Killed:
        return True
    finally:
        for db in held:
            sqlite3.Connection.close(db)
    return False


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "run.sqlite"
    assert replayed(path, SHORT, bars=SAMPLE, broker=SimulatedBroker(1)) == 5
    return path


def test_killed_at_every_statement_and_continued_is_one_run(straight, tmp_path):
    expected = content(straight)
    assert len(expected["orders"]) >= 2
    assert expected["fills"]
    at = 0
    while True:
        at += 1
        path = tmp_path / f"{at}.sqlite"
        died = run_dying(path, dying(at, after=at % 2 == 0))
        if not died:
            break
        replayed(path, SHORT, bars=SAMPLE, broker=SimulatedBroker(1))
        assert content(path) == expected, f"killed at statement {at}"
        path.unlink()
    assert at > 60


def test_bars_that_share_a_transaction_leave_the_same_journal(straight, tmp_path):
    replayed(tmp_path / "run.sqlite", SHORT, bars=SAMPLE, broker=SimulatedBroker(4))
    assert content(tmp_path / "run.sqlite") == content(straight)


def test_the_file_says_yes_to_nothing_until_it_is_on_disk(tmp_path):
    db = connect(tmp_path / "some.sqlite")
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    db.close()
    replayed(tmp_path / "run.sqlite", SHORT, bars=SAMPLE)
    assert query(tmp_path / "run.sqlite", "PRAGMA journal_mode") == [("wal",)]
    assert query(tmp_path / "run.sqlite", "PRAGMA user_version") == [(VERSION,)]


def test_a_closed_journal_is_one_file(straight):
    assert [p.name for p in straight.parent.iterdir()] == ["run.sqlite"]


# --- files that are no journal, or not ours to write --------------------------------------------------


def spoil_page(path):
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    path.write_bytes(data)


SPOILED = {
    "text": (lambda p: p.write_text("bar_close,symbol\n" * 300), "file is not a database"),
    "half a file": (lambda p: p.write_bytes(p.read_bytes()[:9000]), "cannot be read|damaged"),
    "pages of rubbish": (spoil_page, "cannot be read|damaged"),
    "another program's": (lambda p: change(p, "PRAGMA application_id = 1"), "of another program"),
    "newer": (
        lambda p: change(p, "PRAGMA user_version = 4"),
        "must have schema version 3 for this .*, was 4",
    ),
}


@pytest.mark.parametrize("how", SPOILED)
def test_what_is_no_journal_is_refused_and_left_as_it_is(how, straight, tmp_path):
    path = tmp_path / "run.sqlite"
    shutil.copy(straight, path)
    spoil, message = SPOILED[how]
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(SnapshotMismatch, match=message) as refusal:
        replayed(path, SHORT, bars=SAMPLE)
    assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


def test_a_foreign_database_without_tables_of_ours_is_refused(tmp_path):
    path = tmp_path / "notes.sqlite"
    change(path, "CREATE TABLE notes (text TEXT)")
    with pytest.raises(SnapshotMismatch, match="another program"):
        replayed(path, SHORT, bars=SAMPLE)


def test_an_empty_file_may_become_a_journal(tmp_path):
    path = tmp_path / "run.sqlite"
    path.touch()
    assert replayed(path, SHORT, bars=SAMPLE) == 5


def test_places_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").touch()
    for place, message in (
        (tmp_path, "was a folder"),
        (tmp_path / "none" / "run.sqlite", "there is no folder"),
        (tmp_path / "file" / "run.sqlite", "there is no folder"),
    ):
        with pytest.raises(OutputError, match=message):
            replayed(place, SHORT, bars=SAMPLE)


def failing(at):
    """Return a way to open databases whose disk is full from the n-th write transaction on."""

    def opened(path):
        db = connect(path)
        begun = 0

        def allow(action, what, *_):
            nonlocal begun
            begun += action == sqlite3.SQLITE_TRANSACTION and what == "BEGIN"
            full = begun >= at and action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE)
            return sqlite3.SQLITE_DENY if full else sqlite3.SQLITE_OK

        db.set_authorizer(allow)
        return db

    return opened


def test_a_journal_that_cannot_be_begun_leaves_no_file(tmp_path):
    with pytest.raises(OutputError, match="cannot be made"):
        open_replay(SHORT, SAMPLE, tmp_path / "run.sqlite", connect=failing(1))
    assert list(tmp_path.iterdir()) == []


def test_no_journal_no_order(straight, tmp_path):
    """From the moment the file cannot be written nothing is sent; what was kept continues."""
    path = tmp_path / "run.sqlite"
    sent = []

    class Counting(SimulatedBroker):
        def send(self, order):
            sent.append(order.id)
            return super().send(order)

    replay = open_replay(SHORT, SAMPLE, path, broker=Counting(1), connect=failing(2))
    with pytest.raises(OutputError, match="nothing since the last commit was kept or sent"):
        replay.runner.run()
    replay.journal.close()
    assert sent == []
    assert query(path, "SELECT count(*) FROM equity") == [(0,)]
    replayed(path, SHORT, bars=SAMPLE, broker=SimulatedBroker(1))
    assert content(path) == content(straight)


# --- two at once -----------------------------------------------------------------------------------------


def test_the_second_runner_of_one_journal_is_stopped(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    replayed(path, SHORT, bars=SAMPLE, most=1)
    one, two = (open_replay(SHORT, SAMPLE, path, broker=SimulatedBroker(1)) for _ in range(2))
    one.runner.run(most=1)
    with pytest.raises(OutputError, match="another runner writes it"):
        two.runner.run()
    one.runner.run()
    for replay in (one, two):
        replay.journal.close()
    assert content(path) == content(straight)


def test_a_journal_that_another_program_keeps_is_told(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    shutil.copy(straight, path)

    def impatient(place):
        return sqlite3.connect(place, isolation_level=None, timeout=0.05)

    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    journal = Journal.at(path, impatient)
    with pytest.raises(OutputError, match="database is locked"):
        journal.tell(Event("note", "anything"))
    journal.close()
    other.close()


def test_a_journal_that_was_never_begun_has_no_rows(tmp_path):
    with pytest.raises(OutputError, match="is not open; begin it, or open it again"):
        Journal.at(tmp_path / "run.sqlite").rows("SELECT 1")


def test_a_journal_that_another_program_keeps_to_itself(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    shutil.copy(straight, path)
    journal = Journal.at(path, lambda place: sqlite3.connect(place, isolation_level=None, timeout=0.05))
    journal.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutputError, match=r"is kept by another program \(database is locked\); try again"):
        Journal.at(path, lambda place: sqlite3.connect(place, isolation_level=None, timeout=0.05))
    other.close()
    Journal.at(path).close()
