"""`python -m live.status` as a user meets it: healthy, latched, in doubt, mute, dead, damaged."""

import json
import os
import pty
import re
import select
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from live.allowed import text_of_rules
from live.glance import glance_at, glance_of_account
from live.home import home_of
from live.keys import Access
from live.limits import KILL, Limits
from live.risk_context import Rules
from live.rows import Event
from live.status import app
from live.vitals import Health
from research.console import run
from tests.live.canary import KEY, SECRET
from tests.live.helpers import replayed
from tests.live.status_helpers import FREE, LAST, NOW, bar, beat, begin, change, healthy, tracked, write

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _account(paper_keys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def home():
    return home_of(Access(SecretStr(KEY), SecretStr(SECRET), False, "", ""))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture
def status(capsys):
    """Run the command; return its status, what it printed, and what stderr has."""

    def ask(*words):
        code = run(app, [str(word) for word in words], name="status")
        out, err = capsys.readouterr()
        assert KEY not in out + err
        assert SECRET not in out + err
        return code, out, err

    return ask


# --- what a glance sees ------------------------------------------------------------------------


def test_a_healthy_run_needs_no_look(path):
    seen = glance_at(healthy(path), NOW)
    assert (seen.health, seen.looks, seen.notes) == (Health.RUNNING, (), ())
    assert (seen.mode, seen.strategy, seen.symbols) == ("paper", "adaptive_momentum", ("AAA", "BBB"))
    assert seen.vital.startswith("running for 3 h, trading")
    assert [e.kind for e in seen.events] == ["begun"]
    assert len(seen.usage) == 15


def test_a_mute_runner(path):
    seen = glance_at(healthy(path), NOW + 16 * SECOND)
    assert seen.health is Health.MUTE
    assert seen.looks[0].startswith("the runner is mute: last heartbeat 16 s ago")
    assert seen.looks[1] == "held while nobody watches: 10 AAA"
    assert glance_at(path, NOW + 16 * SECOND, 20 * SECOND).looks == ()


def test_a_dead_runner_with_and_without_positions(path):
    healthy(path)
    beat(path, pid=FREE)
    seen = glance_at(path, NOW)
    assert seen.health is Health.DEAD
    assert len(seen.looks) == 2
    change(path, "DELETE FROM holdings")
    assert len(glance_at(path, NOW).looks) == 1  # it did not say goodbye


def test_a_runner_that_said_goodbye(path):
    healthy(path)
    beat(path, pid=FREE, phase="stopped")
    seen = glance_at(path, NOW + timedelta(days=1))
    assert (seen.health, seen.looks) == (Health.STOPPED, ("held while nobody watches: 10 AAA",))
    change(path, "DELETE FROM holdings")
    assert glance_at(path, NOW + timedelta(days=1)).looks == ()


@pytest.mark.parametrize("phase", ["halted", "unreachable"])
def test_a_runner_that_cannot_trade(path, phase):
    healthy(path)
    beat(path, phase=phase, text="no answer")
    assert glance_at(path, NOW).looks == (f"the runner lives and cannot trade, {phase}: no answer",)


def test_an_order_long_in_doubt(path):
    healthy(path)
    tracked(path, "PP-doubt", "BBB", state="unknown", sent_at=NOW - 60 * SECOND)
    assert glance_at(path, NOW).looks == ()
    assert glance_at(path, NOW + SECOND, 60 * SECOND).looks == (
        "order PP-doubt of BBB is in doubt since 2026-11-20 14:59:00 UTC",
    )


def test_an_unprotected_position(path):
    healthy(path)
    change(path, "DELETE FROM tracked WHERE purpose = 'protect'")
    assert glance_at(path, NOW).looks == ("AAA: nothing rests at the broker",)


def test_latched_limits(path):
    healthy(path)
    with Limits.at(path.parent / "limits.sqlite") as limits:
        limits.latch(KILL, "by hand, jane", NOW)
    assert glance_at(path, NOW).looks == (
        "limit `kill switch` is latched since 2026-11-20 15:00:00 UTC: by hand, jane",
    )
    (path.parent / "KILL").touch()
    assert len(glance_at(path, NOW).looks) == 1


def test_the_file_that_nobody_has_latched_yet(path):
    healthy(path)
    (path.parent / "KILL").write_text("now")
    assert glance_at(path, NOW).looks == (
        "the kill switch is thrown by file KILL: now, and no runner has latched it yet",
    )


def test_the_zero_trade_alarm_names_the_gate(path):
    begin(path, symbols=("AAA",), expected_trades_per_month="9")
    for n in range(15):
        bar(path, n, LAST - timedelta(days=14 - n), AAA={"gate": "confidence"})
    beat(path)
    (look,) = glance_at(path, NOW).looks
    assert look.startswith("0 trades in 0.5 months, the backtest's rate gives 4.4")
    assert look.endswith("most decisions end at: confidence")


def test_settings_that_cannot_be_read_are_none(path):
    healthy(path)
    for text in ("no json", "[1]"):
        change(path, "UPDATE meta SET value = ? WHERE key = 'settings'", text)
        assert (glance_at(path, NOW).mode, glance_at(path, NOW).symbols) == ("", ())


def test_the_limits_are_those_that_the_run_is_held_to(path):
    healthy(path)
    assert {row.allowed for row in glance_at(path, NOW).usage} == {"–"}
    with Limits.at(path.parent / "limits.sqlite") as limits:
        limits.hold_to(text_of_rules(Rules(stale_after=timedelta(days=5), order_notional=Decimal(4160))))
        limits.mark("2026-11-20", Decimal(52_000))
    found = {row.name: row for row in glance_at(path, NOW).usage}
    assert found["stale bar"].allowed == "5.0 days"
    assert (found["order notional"].allowed, found["order notional"].share) == ("4,160 USD", 0.25)
    assert (found["position share"].used, found["daily loss"].used) == ("2.0%", "0.0%")  # 1,040 of 52,000


def test_restricted_symbols_are_told_with_those_held(path, status):
    healthy(path)  # it holds AAA
    with Limits.at(path.parent / "limits.sqlite") as limits:
        for names, row in (
            ({"ZZZ", "AAA"}, ("AAA", "all but AAA, ZZZ", 1.0)),
            ({"ZZZ"}, ("none held", "all but ZZZ", 0.0)),
            ((), ("none held", "all symbols", 0.0)),
        ):
            limits.hold_to(text_of_rules(Rules(restricted=frozenset(names))))
            (seen,) = [x for x in glance_at(path, NOW).usage if x.name == "restricted"]
            assert (seen.used, seen.allowed, seen.share) == row
        limits.hold_to(text_of_rules(Rules(restricted=frozenset({"ZZZ"}))))
    assert "all but ZZZ" in status("--journal", path)[1]


def test_only_the_last_events_are_shown(path):
    begin(path, events=[Event("news", str(n)) for n in range(20)])
    assert [e.text for e in glance_at(path, NOW).events] == [str(n) for n in range(12, 20)]


# --- which journal of an account ---------------------------------------------------------------


def test_the_journal_whose_heart_beat_last(home):
    healthy(home / "first.sqlite")
    healthy(home / "second.sqlite")
    beat(home / "first.sqlite", at=NOW + SECOND)
    seen = glance_of_account(home, NOW)
    assert seen.journal == str(home / "first.sqlite")
    assert seen.notes == (f"another journal of this account: {home / 'second.sqlite'}",)
    (home / "third.sqlite").write_bytes(b"no journal, and long enough to be looked at twice" * 40)
    assert "third.sqlite cannot be read" in glance_of_account(home, NOW).notes[1]


def test_an_account_that_never_ran(home, status):
    code, out, err = status()
    assert (code, err) == (0, "")
    assert "nothing has run yet" in out
    with Limits.at(home / "limits.sqlite") as limits:
        limits.latch(KILL, "by hand, jane", NOW)
    code, out, _ = status("--paper")
    assert code == 1
    assert "limit `kill switch` is latched" in out


def test_other_journals_are_named(home, status):
    healthy(home / "first.sqlite")
    healthy(home / "second.sqlite")
    assert "another journal of this account" in status()[1]


def test_an_account_whose_only_journal_cannot_be_read(home, status):
    (home / "run.sqlite").write_bytes(b"no journal, and long enough to be looked at twice" * 40)
    code, out, err = status()
    assert (code, out) == (2, "")
    assert "cannot be read" in err


# --- the command -------------------------------------------------------------------------------


def alive(path):
    """Let a run's heart beat now, by the real clock."""
    healthy(path)
    beat(path, at=datetime.now(UTC))
    return path


def test_healthy_is_status_0_and_says_all_of_it(path, status):
    code, out, err = status("--journal", alive(path))
    assert (code, err) == (0, "")
    for words in (
        "adaptive_momentum on AAA, BBB  paper", "running for", "last bar  2026-11-19 21:00 UTC",
        "blocked: trend", "rests, 10 shares", "PP-oco", "order notional", "begun",
        "1 in 0.1 months; what the backtest made is not in the journal",
    ):  # fmt: skip
        assert words in out
    assert "\x1b" not in out  # plain where it is no terminal
    assert "Needs a look" not in out


def test_what_needs_a_look_is_status_1(path, status):
    alive(path)
    tracked(path, "PP-" + "0123456789" * 3, "BBB", state="unknown", sent_at=NOW)
    code, out, _ = status("--journal", path)
    assert code == 1
    assert "! order PP-012345678901234567890123456789 of BBB is in doubt since" in out
    assert "unknown, in doubt" in out


def test_a_latched_limit_stands_in_its_row(path, status):
    alive(path)
    with Limits.at(path.parent / "limits.sqlite") as limits:
        limits.latch("daily loss", "3.2 %", NOW)
        limits.latch(KILL, "by hand", NOW)
    code, out, _ = status("--journal", path)
    assert code == 1
    rows = {line.split("  ")[0]: line for line in out.splitlines() if "latched 2026" in line}
    assert set(rows) == {"daily loss", "kill switch"}


def test_a_position_without_protection_and_one_with_another_level(path, status):
    alive(path)
    change(path, "UPDATE decisions SET stop_level = 97.0 WHERE bar = 1")
    write(path, "holdings", ("BBB", "3", None))
    code, out, _ = status("--journal", path)
    assert code == 1
    assert "95.00 (want 97.00)" in out
    assert "none wanted" in out


def test_a_penny_stock_has_four_decimals(path, status):
    alive(path)
    write(path, "holdings", ("BBB", "3", "0.1234"))
    assert "0.1234" in status("--journal", path)[1]


def test_the_rate_of_the_backtest_stands_beside_the_trades(path, status):
    healthy(path, expected_trades_per_month="4.5")
    beat(path, at=datetime.now(UTC))
    assert "1 in 0.1 months; the backtest's 4.50 a month give 0.3" in status("--journal", path)[1]
    for n in range(2, 42):
        bar(path, n, LAST + timedelta(days=n), AAA={}, BBB={"gate": "trend", "intent": 0.0})
    assert "a month; the backtest's" in status("--journal", path)[1]


def test_a_journal_that_is_not_begun_is_told(path, status):
    path.touch()
    code, out, err = status("--journal", path)
    assert (code, err) == (0, "")
    assert "nothing has run yet" in out


def test_a_run_without_a_bar(path, status):
    begin(path)
    write(path, "holdings", ("AAA", "1", "10"))
    code, out, _ = status("--journal", path)
    assert code == 0
    assert "Decisions" not in out
    assert "none open" in out


def test_a_replay_journal(path, status):
    replayed(path, most=120)
    code, out, err = status("--journal", path)
    assert (code, err) == (0, "")
    assert "adaptive_momentum on AAPL, IBM  replay" in out
    assert "no heartbeat" in out
    assert "Limits" not in out


def test_json_holds_everything(path, status):
    code, out, _ = status("--json", "--journal", alive(path))
    told = json.loads(out)
    assert code == 0
    assert told["health"] == "running"
    assert told["standing"]["decisions"][1]["text"] == "blocked: trend"
    assert told["standing"]["positions"][0]["quantity"] == "10"
    assert told["standing"]["last_bar"] == "2026-11-19T21:00:00Z"
    assert told["rhythm"]["trades"] == 1
    assert told["rhythm"]["alarm"] == ""
    path.unlink()
    path.touch()
    assert json.loads(status("--json", "--journal", path)[1])["standing"] is None


def test_no_runner_is_held_up_and_nothing_is_written(path, status):
    alive(path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM holdings")
    assert "rests, 10 shares" in status("--journal", path)[1]
    db.execute("ROLLBACK")
    db.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "is not there"),
        (lambda path: change(path, "PRAGMA user_version = 99"), "must have schema version"),
        (lambda path: path.write_bytes(b"\x00" * 9000), "cannot be read"),
        (lambda path: change(path, "DROP TABLE tracked"), "cannot be read (no such table: tracked)"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_status_2(path, status, spoil, said):
    healthy(path)
    change(path, "PRAGMA journal_mode = DELETE")
    spoil(path)
    code, out, err = status("--journal", path)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--paper", "--live"], "one thing is looked at"),
        (["--paper", "--journal", "x"], "one thing is looked at"),
        (["--live"], "three agreeing opt-ins"),
        (["--mute", "-1"], "--mute"),
    ],
)
def test_misuse(status, words, said):
    code, out, err = status(*words)
    assert (code, out) == (2, "")
    assert said in err


def test_without_keys_only_a_journal_can_be_looked_at(path, status, monkeypatch):
    monkeypatch.delenv("APCA_API_KEY_ID")
    assert status()[0] == 2
    assert status("--journal", alive(path))[0] == 0


def test_on_a_terminal_it_has_colours_and_keeps_to_its_width(path):
    alive(path)
    leader, follower = pty.openpty()
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "live.status", "--journal", str(path)]
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=environment) as process:
        os.close(follower)
        text = b""
        while select.select([leader], [], [], 60)[0]:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other side has gone
                break
            if not part:
                break
            text += part
        assert process.wait() == 0
    os.close(leader)
    assert b"\x1b[1;32m" in text  # running, in green
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text.decode()).split("\r\n")
    assert max(map(len, plain)) <= 80
