"""Whether a runner lives: pid, host, age of the heartbeat, and the words for it."""

import subprocess
import sys
from datetime import timedelta

import pytest

from live.reading import Reading
from live.vitals import Health, Pulse, health_of, lives, pulse_of, spoken
from tests.live.status_helpers import FREE, NOW, beat, begin

SECOND = timedelta(seconds=1)


def pulse(path, **more):
    begin(path)
    beat(path, **more)
    with Reading.journal(path) as journal:
        return pulse_of(journal)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def test_without_a_heartbeat_nothing_is_said(path):
    with Reading.journal(begin(path)) as journal:
        assert pulse_of(journal) is None
    assert health_of(None, NOW) is Health.SILENT
    assert spoken(Health.SILENT, None, NOW) == "no heartbeat"


def test_a_journal_that_is_not_begun_has_none(path):
    path.touch()
    with Reading.journal(path) as journal:
        assert pulse_of(journal) is None


@pytest.mark.parametrize(
    ("age", "health"), [(0, "running"), (15, "running"), (15.001, "mute"), (9e6, "mute")]
)
def test_what_is_older_than_fifteen_seconds_is_mute(path, age, health):
    found = pulse(path, at=NOW - age * SECOND)
    assert health_of(found, NOW) == health
    assert health_of(found, NOW, 9e7 * SECOND) is Health.RUNNING


def test_a_process_that_is_gone_is_dead_however_fresh_its_heartbeat(path):
    found = pulse(path, pid=FREE)
    assert health_of(found, NOW) is Health.DEAD
    assert spoken(Health.DEAD, found, NOW).startswith(f"dead: process {FREE} on ")


def test_a_process_elsewhere_is_judged_by_its_heartbeat(path):
    found = pulse(path, pid=FREE, host="another-machine")
    assert health_of(found, NOW) is Health.RUNNING
    assert health_of(found, NOW + 16 * SECOND) is Health.MUTE


def test_one_that_said_goodbye_is_stopped_whatever_the_date(path):
    found = pulse(path, pid=FREE, phase="stopped")
    assert health_of(found, NOW + 86_400 * SECOND) is Health.STOPPED
    assert spoken(Health.STOPPED, found, NOW + 90_000 * SECOND) == "stopped 1 d 1 h ago"


def test_a_heartbeat_of_an_unreadable_date_is_none(path):
    found = pulse(path, at="yesterday")
    assert health_of(found, NOW) is Health.MUTE
    assert "last heartbeat of an unreadable date" in spoken(Health.MUTE, found, NOW)


def test_the_words(path):
    found = pulse(path, text="broker away", phase="unreachable", pid=7, host="h")
    said = spoken(Health.RUNNING, found, NOW)
    assert said == "running for 3 h, unreachable: broker away (process 7 on h)"
    said = spoken(Health.MUTE, found, NOW + 61 * SECOND)
    assert said == "mute: last heartbeat 1 min 1 s ago, unreachable: broker away (process 7 on h)"
    unknown = Pulse(NOW, None, 7, "h", "paper", "trading", "")
    assert spoken(Health.RUNNING, unknown, NOW) == "running, trading (process 7 on h)"
    assert spoken(Health.STOPPED, unknown, NOW - SECOND) == "stopped 0 s ago"


def test_who_lives(monkeypatch):
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not lives(process.pid)
    assert lives(1)

    def not_yours(pid, number):
        raise PermissionError

    monkeypatch.setattr("os.kill", not_yours)
    assert lives(12345)
