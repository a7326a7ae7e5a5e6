"""Ctrl-C in the kill switch: nothing is confirmed, and whether the latch holds is said."""

import signal
import subprocess
import sys
import time

import pytest

from live.home import home_of
from live.kill import app, main
from live.limits import KILL, Limits
from research.console import run
from tests.live.killing_helpers import access_to, open_ids, ours

pytestmark = pytest.mark.usefixtures("paper_keys")


@pytest.fixture
def _heard():
    """Let a child hear SIGINT, though a shell that put us in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(*_args, **_options):
    raise KeyboardInterrupt


@pytest.mark.usefixtures("_heard")
def test_after_the_latch_it_says_that_the_latch_holds_and_nothing_is_confirmed(fake):
    ours(fake)
    before = len(fake.log.calls)
    fake.fault("* *", "mute", times=0)
    command = [sys.executable, "-u", "-m", "live.kill", "--host", fake.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("account")
        assert process.stdout.readline().startswith("latched")
        until = time.monotonic() + 30.0
        while len(fake.log.calls) == before and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (1, "")
    assert out.splitlines()[-1] == (
        "NOT       confirmed: interrupted, orders may still be open; the latch holds; run this again"
    )
    assert open_ids(fake) == ["PP-1"]
    with Limits.at(home_of(access_to(fake)) / "limits.sqlite") as limits:
        assert set(limits.latched()) == {KILL}


def test_before_the_latch_it_does_not_say_that_it_holds(fake, capsys, monkeypatch):
    monkeypatch.setattr("live.killing.latch_kill", interrupt)
    assert run(app, ["--host", fake.url], name="kill") == 1
    assert capsys.readouterr().out.splitlines()[-1] == (
        "NOT       confirmed: interrupted, orders may still be open; it may not be latched; run this again"
    )
    assert fake.log.calls == []


def test_before_anything_it_does_not_speak_of_files(capsys, monkeypatch):
    monkeypatch.setattr("live.keys.access_to_kill", interrupt)
    monkeypatch.setattr(sys, "argv", ["live.kill"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 1
    said = "interrupted; NOT confirmed that anything is latched or cancelled; run it again"
    assert capsys.readouterr().err == f"python -m live.kill: {said}\n"
