"""The process beside the runner: one line for each change, a command at an alarm, and a clean end."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from live.watchdog import Watch, app
from research.console import run
from tests.live.status_helpers import FREE, NOW, beat, begin

SECOND = timedelta(seconds=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture
def told():
    return []


def watching(path, told, *command):
    return Watch(path, 15 * SECOND, told.append, command)


def states(told):
    return re.findall(r"^\S+ \S+ UTC  ([A-Z ]+)[:,]", "\n".join(told), re.MULTILINE)


def test_each_state_is_told_once(path, told):
    watch = watching(path, told)
    watch.look(NOW)
    watch.look(NOW)
    begin(path)
    watch.look(NOW)
    beat(path)
    for n in range(5):
        watch.look(NOW + n * SECOND)
    watch.look(NOW + 16 * SECOND)
    watch.look(NOW + 90 * SECOND)
    beat(path, at=NOW + 91 * SECOND)
    watch.look(NOW + 92 * SECOND)
    beat(path, at=NOW + 91 * SECOND, pid=FREE)
    watch.look(NOW + 93 * SECOND)
    beat(path, phase="stopped")
    watch.look(NOW + 94 * SECOND)
    path.write_bytes(b"no journal, and long enough to be looked at twice" * 40)
    watch.look(NOW + 95 * SECOND)
    assert states(told) == [
        "NO JOURNAL", "NO HEARTBEAT", "RUNNING", "MUTE", "RUNNING", "DEAD", "STOPPED", "UNREADABLE",
    ]  # fmt: skip
    assert told[3].startswith("2026-11-20 15:00:16 UTC  MUTE, was running: last heartbeat 16 s ago, trading")


def test_the_command_runs_at_an_alarm_without_a_shell_and_without_keys(path, told, tmp_path, monkeypatch):
    monkeypatch.setenv("APCA_API_SECRET_KEY", "canary-secret-0002")
    out = tmp_path / "out.jsonl"
    code = (
        "import json, os, sys; keys = [n for n in os.environ if 'APCA' in n]; "
        "print(json.dumps([sys.argv[2:], keys]), file=open(sys.argv[1], 'a'))"
    )
    begin(path)
    beat(path)
    watch = watching(path, told, sys.executable, "-c", code, str(out), "$HOME;`x`")
    watch.look(NOW)
    assert not out.exists()
    watch.look(NOW + 20 * SECOND)
    watch.look(NOW + 21 * SECOND)
    ((arguments, keys),) = [json.loads(line) for line in out.read_text().splitlines()]
    assert arguments[0] == "$HOME;`x`"
    assert arguments[1].startswith(f"{path}: last heartbeat 20 s ago")
    assert keys == []
    assert states(told) == ["RUNNING", "MUTE"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("no-such-command-anywhere",), "was not run to its end"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "ended with status 3"),
    ],
)
def test_a_command_that_fails_is_told_and_the_watch_goes_on(path, told, command, said):
    watch = watching(path, told, *command)
    watch.look(NOW)
    assert said in told[-1]
    begin(path)
    assert watch.look(NOW) == "no heartbeat"


def test_a_broker_that_stays_silent_is_an_alarm_and_a_pause_of_it_is_none(path, told, tmp_path):
    begin(path)
    watch = watching(path, told, sys.executable, "-c", f"open({str(tmp_path / 'alarm')!r}, 'a').write('x')")
    for second, phase in [
        (0, "trading"), (10, "unreachable"), (60, "unreachable"), (70, "trading"),
        (80, "unreachable"), (199, "unreachable"),
    ]:  # fmt: skip
        beat(path, at=NOW + second * SECOND, phase=phase, text="no answer")
        assert watch.look(NOW + second * SECOND) == "running"
    assert not (tmp_path / "alarm").exists()
    for second in (200, 210):
        beat(path, at=NOW + second * SECOND, phase="unreachable", text="no answer")
        assert watch.look(NOW + second * SECOND) == "held up"
    beat(path, at=NOW + 220 * SECOND)
    watch.look(NOW + 220 * SECOND)
    assert states(told) == ["RUNNING", "HELD UP", "RUNNING"]
    assert "unreachable: no answer" in told[1]
    assert (tmp_path / "alarm").read_text() == "x"


def test_a_halt_that_lasts_is_an_alarm_and_a_kill_that_somebody_threw_is_none(path, told):
    begin(path)
    watch = watching(path, told)
    for phase, state in [("killed", "running"), ("halted", "held up")]:
        for second in (0, 120):
            beat(path, at=NOW + second * SECOND, phase=phase)
            found = watch.look(NOW + second * SECOND)
        assert found == state


# --- the command line --------------------------------------------------------------------------


@pytest.fixture
def process(path):
    """Start the watchdog; end it however the test ends."""
    started = []

    def start(*more):
        command = [
            sys.executable,
            "-u",
            "-m",
            "live.watchdog",
            "--journal",
            str(path),
            "--every",
            "0.1",
            *more,
        ]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[0]

    yield start
    for each in started:
        each.kill()
        each.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(path, process, number):
    begin(path)
    beat(path, at=datetime.now(UTC))
    dog = process("--mute", "60")
    assert "RUNNING" in dog.stdout.readline()
    dog.send_signal(number)
    out, err = dog.communicate(timeout=30)
    assert (dog.returncode, out, err) == (0, "", "")


def test_it_notices_a_killed_runner(path, process):
    begin(path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as runner:
        beat(path, at=datetime.now(UTC), pid=runner.pid)
        dog = process("--mute", "60")
        assert "RUNNING" in dog.stdout.readline()
        runner.send_signal(signal.SIGKILL)
    began = time.monotonic()
    assert "DEAD, was running" in dog.stdout.readline()
    assert time.monotonic() - began < 10.0


def test_it_notices_a_runner_that_hangs(path, process, tmp_path):
    begin(path)
    dog = process("--mute", "1.5", "--command", f"touch '{tmp_path / 'an alarm'}'")
    assert "NO HEARTBEAT" in dog.stdout.readline()
    beat(path, at=datetime.now(UTC), pid=os.getpid())
    assert "RUNNING, was no heartbeat" in dog.stdout.readline()
    assert "MUTE, was running" in dog.stdout.readline()
    dog.send_signal(signal.SIGTERM)
    dog.communicate(timeout=30)
    assert (tmp_path / "an alarm").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing option"),
        (["--journal", "."], "is a folder"),
        (["--journal", "x", "--command", "'open"], "closed quotes"),
        (["--journal", "x", "--every", "0"], "--every"),
        (["--journal", "x", "--mute", "0"], "--mute"),
        (["--journal", "x", "--held-up", "0"], "--held-up"),
    ],
)
def test_misuse(capsys, words, said):
    assert run(app, words, name="watchdog") == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_in_this_process_it_looks_and_ends_at_the_signal(path, capsys):
    begin(path)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        assert run(app, ["--journal", str(path), "--every", "0.1"], name="watchdog") == 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert capsys.readouterr().out.count("NO HEARTBEAT") == 1
