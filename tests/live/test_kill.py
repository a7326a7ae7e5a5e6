"""`python -m live.kill` as a user meets it: latched first, told line by line, reset with a reason."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from live.home import home_of
from live.killing import kill_asked
from live.limits import KILL, Limits
from tests.fake_alpaca.worlds import at
from tests.live.killing_helpers import access_to, held, open_ids, ours, protected


@pytest.fixture(autouse=True)
def _account(paper_keys, monkeypatch):
    monkeypatch.setenv("LOGNAME", "jane")


@pytest.fixture
def home(fake):
    return home_of(access_to(fake))


def latches(home):
    with Limits.at(home / "limits.sqlite") as limits:
        return {name: latch.text for name, latch in limits.latched().items()}


def begins(lines):
    return [line.split()[0] for line in lines]


# --- the switch --------------------------------------------------------------------------------


def test_it_latches_cancels_and_tells(kill, fake, home):
    held(fake)
    protected(fake)
    ours(fake)
    status, lines, err = kill("--why", "prices look wrong")
    assert (status, err) == (0, "")
    assert begins(lines) == ["account", "latched", "asked", "asked", "gone", "gone", "held", "confirmed"]
    assert lines[0] == f"account   paper, at {fake.url}"
    assert re.fullmatch(
        r"latched   kill switch since \d{4}-\d\d-\d\d [\d:]{8} UTC: prices look wrong", lines[1]
    )
    assert lines[-2:] == [
        "held      10 AAA, without protection of ours",
        "confirmed no order of ours is open",
    ]
    assert latches(home) == {KILL: "prices look wrong"}
    assert open_ids(fake) == []
    assert home.stat().st_mode & 0o077 == 0


def test_it_closes_what_is_held_and_leaves_nothing(kill, fake, home):
    held(fake)
    protected(fake)
    ours(fake, client_order_id="me-1")
    status, lines, _ = kill("--flatten", "--all")
    assert status == 0
    assert lines[-1] == "confirmed no order is open, nothing is held"
    assert (fake.positions(), open_ids(fake)) == ({}, [])
    assert latches(home) == {KILL: "by hand, jane"}


def test_it_latches_though_the_network_is_dead(kill, fake, home):
    fake.stop()
    began = time.monotonic()
    status, lines, _ = kill("--patience", "1")
    assert time.monotonic() - began < 8.0
    assert status == 1
    assert begins(lines)[:2] == ["account", "latched"]
    assert lines[-1].startswith("NOT       confirmed")
    assert "no answer from the broker" in lines[-2]
    assert lines[-2].endswith("; it is asked again while --patience lasts, after that run this again")
    assert KILL in latches(home)


def test_kill_switch_while_the_broker_answers_500(kill, fake, home):
    held(fake)
    ours(fake)
    fake.fault("* *", "500", times=0)
    status, lines, _ = kill("--flatten", "--patience", "1")
    assert status == 1
    assert KILL in latches(home)
    assert "LEFT" in begins(lines)
    assert (open_ids(fake), fake.positions()) == (["PP-1"], {"AAA": 10})
    first = [line for line in lines if line.startswith("latched")]
    fake.script.clear()
    status, lines, _ = kill("--flatten", "--why", "again")
    assert status == 0
    assert (open_ids(fake), fake.positions()) == ([], {})
    again = [line for line in lines if line.startswith("latched")]
    assert again == [first[0].replace("switch since", "switch, was so since")]  # the first word stays


def test_the_switch_is_thrown_before_the_broker_is_asked(kill, fake, home):
    seen = []

    def look(facts):
        seen.append(latches(home))
        return False

    fake.fault("GET /v2/orders", "500", when=look)
    assert kill()[0] == 0
    assert seen[0] == {KILL: "by hand, jane"}


def test_keys_that_the_broker_refuses_leave_it_latched_and_unconfirmed(kill, fake, home):
    fake.settings.keys = {"another": "pair"}
    status, lines, _ = kill()
    assert status == 1
    assert "does not take these credentials" in lines[-2]
    assert KILL in latches(home)
    assert len(fake.log.calls) == 1


def test_limits_that_cannot_be_written_are_replaced_by_the_file(kill, fake, home):
    ours(fake)
    (home / "limits.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 30)
    status, lines, _ = kill("--why", "no disk")
    assert status == 1
    assert begins(lines)[1:3] == ["NOT", "latched"]
    assert kill_asked(home) == "file KILL: no disk"
    assert open_ids(fake) == []  # cancelled all the same


def test_where_the_file_cannot_be_left_either_it_says_so(kill, fake, home):
    ours(fake)
    (home / "limits.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 30)
    (home / "KILL").mkdir()
    status, lines, _ = kill()
    assert status == 1
    assert begins(lines)[1:3] == ["NOT", "NOT"]
    assert open_ids(fake) == []


def test_where_nothing_can_be_written_it_cancels_and_says_so(kill, fake, home):
    ours(fake)
    home.rmdir()
    home.write_text("a file where the folder should be")
    status, lines, _ = kill()
    assert status == 1
    assert begins(lines)[1:3] == ["NOT", "NOT"]
    assert "stop the runner by hand" in lines[2]
    assert open_ids(fake) == []


def test_a_user_without_a_name_may_kill(kill, home, monkeypatch):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert kill("--patience", "0")[0] in {0, 1}
    assert latches(home) == {KILL: "by hand, a user without a name"}


# --- reset -------------------------------------------------------------------------------------


def test_a_reset_unlatches_and_keeps_who_and_why(kill, home):
    kill("--patience", "0")
    status, lines, _ = kill("--reset", "kill switch", "--why", "all is well")
    assert status == 0
    assert lines[0].startswith("reset     kill switch, was latched ")
    assert latches(home) == {}
    with Limits.at(home / "limits.sqlite") as limits:
        assert limits.acts()[-1][1:] == (KILL, "reset", "jane", "all is well")


def test_the_command_says_that_protection_goes_until_the_switch_is_thrown_anew(kill, home):
    with Limits.at(home / "limits.sqlite") as limits:
        limits.latch(KILL, "file KILL", at(0))
        assert not limits.is_winding()
        kill("--patience", "0")
        assert limits.is_winding()
        assert limits.acts()[-1][1:] == (KILL, "wound down", "jane", "")
        kill("--reset", "kill switch", "--why", "all is well")
        assert not limits.is_winding()
        limits.latch(KILL, "file KILL", at(0))
        assert not limits.is_winding()


def test_a_reset_is_of_one_limit_and_tells_of_the_others(kill, home):
    kill("--patience", "0")
    with Limits.at(home / "limits.sqlite") as limits:
        limits.latch("daily loss", "3 %", at(0))
    status, lines, _ = kill("--reset", "kill", "--why", "all is well")
    assert status == 0
    assert lines[1].startswith("latched   still: daily loss, 2026-03-02T21:00")
    status, _, err = kill("--reset", "daily los", "--why", "known")
    assert (status, err) == (2, "kill: unknown latched limit 'daily los'; did you mean 'daily loss'?\n")
    assert kill("--reset", "daily loss", "--why", "known")[0] == 0
    assert latches(home) == {}


def test_a_reset_takes_the_file_away_and_keeps_that_it_was_there(kill, home):
    (home / "KILL").write_text("from another shell")
    status, lines, _ = kill("--reset", "kill switch", "--why", "all is well")
    assert status == 0
    assert lines[0].endswith("KILL taken away")
    assert kill_asked(home) is None
    with Limits.at(home / "limits.sqlite") as limits:
        acts = [(act, text) for _, _, act, _, text in limits.acts()]
    assert acts == [("latched", "file KILL: from another shell"), ("reset", "all is well")]


def test_a_file_that_cannot_be_taken_away_keeps_it_latched(kill, home):
    (home / "KILL").mkdir()
    (home / "KILL" / "something").touch()
    status, _, err = kill("--reset", "kill switch", "--why", "all is well")
    assert status == 2
    assert "cannot be taken away" in err
    assert KILL in latches(home)


def test_what_is_not_latched_cannot_be_reset(kill, home):
    status, _, err = kill("--reset", "kill switch", "--why", "all is well")
    assert status == 2
    assert "nothing is latched" in err
    assert list(home.iterdir()) == []
    kill("--patience", "0")
    kill("--reset", "kill switch", "--why", "all is well")
    status, _, err = kill("--reset", "kill switch", "--why", "once more")
    assert status == 2
    assert "nothing is latched" in err


@pytest.mark.parametrize("why", [[], ["--why", "  "]])
def test_a_reset_needs_a_reason(kill, home, why):
    kill("--patience", "0")
    status, _, err = kill("--reset", "kill switch", *why)
    assert status == 2
    assert "must say why" in err
    assert KILL in latches(home)


# --- misuse ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--paper", "--live"], "paper or live, was both"),
        (["--live"], "three agreeing opt-ins"),
        (["--host", "http://example.com"], "must be on this machine"),
        (["--reset", "kill", "--why", "x", "--flatten"], "leave --flatten and --all out"),
        (["--reset", "kill", "--why", "x", "--all"], "leave --flatten and --all out"),
        (["--patience", "-1"], "--patience"),
        (["--softly"], "No such option"),
    ],
)
def test_misuse_is_one_line_and_touches_nothing(kill, fake, home, words, said):
    status, lines, err = kill(*words)
    assert (status, lines) == (2, [])
    assert said in err
    assert err.count("\n") == 1
    assert list(home.iterdir()) == []
    assert fake.log.calls == []


def test_without_keys_nobody_knows_which_account(kill, fake, home, monkeypatch):
    monkeypatch.delenv("APCA_API_KEY_ID")
    status, lines, err = kill()
    assert status == 2
    assert "set APCA_API_KEY_ID" in err
    assert begins(lines) == ["account", "latched", "NOT"]
    assert latches(home) == {KILL: "by hand, jane"}  # so every account of the mode that is known here
    assert fake.log.calls == []


# --- as a process ------------------------------------------------------------------------------


def test_as_a_process(fake, home):
    ours(fake)
    done = subprocess.run(
        [sys.executable, "-m", "live.kill", "--paper", "--host", fake.url],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "confirmed no order of ours is open"
    assert KILL in latches(home)
    assert open_ids(fake) == []


def test_killed_itself_it_leaves_the_latch(fake, home):
    fake.fault("* *", "mute", times=0)
    command = [sys.executable, "-u", "-m", "live.kill", "--host", fake.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("account")
        assert process.stdout.readline().startswith("latched")
        process.send_signal(signal.SIGKILL)
    assert KILL in latches(home)
