"""What keeps entries back is said where somebody looks: status, watchdog, and the gate of what lapsed."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests

from live.findings import Act, Policy
from live.funnel import funnel
from live.glance import glance_at
from live.status import app
from live.vitals import Health
from live.watchdog import Watch
from research.console import run
from research.request import Request
from tests.chaos.guards import is_at_work
from tests.live.canary import KEY, SECRET
from tests.live.crossing import story
from tests.live.status_helpers import NOW, beat, change, healthy
from tests.live.trading import Floor, history, market

SECOND = timedelta(seconds=1)
CROSSING = datetime(2010, 1, 5, 22, tzinfo=UTC)  # IBM crosses upwards
PARAMS = {"fast": 2, "slow": 3, "stop": 0.3, "target": 0.9, "risk_cap": 0.0, "vol_target": 10.0}
DRIFT = "AAPL: 0 shares were held, the broker has 5"
ASKED = "nothing is entered until somebody has looked: "


@contextmanager
def two(tmp_path, before=lambda fake: None):
    """Give a floor of two symbols, of which IBM is to be entered tomorrow; `before` it looks first."""
    with market(history(["IBM", "AAPL"]), CROSSING) as fake:
        before(fake)
        floor = Floor(fake, tmp_path, Request("ma_crossover", ["IBM", "AAPL"], params=PARAMS))
        try:
            yield floor
        finally:
            floor.close()


def of_hand(fake, symbol="IBM"):
    """Rest an order that somebody else sent."""
    body = {"symbol": symbol, "qty": "5", "side": "buy", "type": "limit", "limit_price": "1",
            "time_in_force": "gtc", "client_order_id": "hand-1"}  # fmt: skip
    headers = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
    assert requests.post(f"{fake.url}/v2/orders", json=body, headers=headers, timeout=5).status_code == 200


def looks(tmp_path):
    return glance_at(tmp_path / "run.sqlite", datetime.now(UTC)).looks


def entries(floor):
    return floor.rows("SELECT symbol, status, note FROM orders WHERE leg = 'entry' ORDER BY symbol")


def test_shares_by_hand_halt_all_entries_and_everybody_is_told(tmp_path, capsys):
    with two(tmp_path) as floor:
        floor.tick("2010-01-05T22:00")
        floor.fake.fault("account", "trade", symbol="AAPL", qty=5)
        floor.tick("2010-01-06T01:00", times=2)
        told: list[str] = []
        watch = Watch(tmp_path / "run.sqlite", 600 * SECOND, told.append, held_up_after=2 * SECOND)
        assert [watch.look(datetime.now(UTC) + n * SECOND) for n in (0, 3)] == ["running", "held up"]
        assert "HELD UP, was running: for " in told[1]
        assert f"halted: {ASKED}{DRIFT} (process" in told[1]
        assert looks(tmp_path) == (f"the runner lives and cannot trade, halted: {ASKED}{DRIFT}",)
        assert run(app, ["--journal", str(tmp_path / "run.sqlite")], name="status") == 1
        said = capsys.readouterr().out
        assert "the broker has 5" in said
        assert "none in the journal; what the broker has stands above" in said
        assert is_at_work(floor.journal)  # chaos goes on to ask for every bar
        floor.tick("2010-01-06T21:01", times=2)
        assert str(floor.trader.runner.engine.last_bar)[:10] == "2010-01-06"
        assert entries(floor)[0] == (
            "IBM", "lapsed", f"blocked: drift (journal and broker must agree, was {DRIFT})",
        )  # fmt: skip
        assert funnel(floor.journal).became["blocked: drift"] == 1
        assert floor.fake.log.of("POST /v2/orders") == []


def test_what_the_broker_has_at_a_first_start_is_named(tmp_path):
    def before(fake):
        fake.advance_to("2010-01-06T15:00")
        fake.trade_by_hand("IBM", 3)
        fake.trade_by_hand("AAPL", 5)

    with two(tmp_path, before) as floor:
        floor.tick()
        there = f"{DRIFT}; IBM: 0 shares were held, the broker has 3"
        assert looks(tmp_path) == (f"the runner lives and cannot trade, halted: {ASKED}{there}",)
        floor.trader.goodbye()
        assert looks(tmp_path) == (f"at the last look of the runner {ASKED}{there}",)


def test_once_the_drift_is_settled_the_entry_goes_out(tmp_path):
    with two(tmp_path) as floor:
        floor.tick("2010-01-05T22:00")
        floor.fake.fault("account", "trade", symbol="AAPL", qty=5)
        floor.tick("2010-01-06T01:00", times=2)
        assert entries(floor)[0][2].startswith("blocked: drift (")
        floor.close()
        floor.habits["policy"] = Policy(drift=Act.ADOPT)
        floor.trader = floor.open()
        floor.tick(times=2)
        assert entries(floor)[0] == ("IBM", "accepted", "")
        assert not [look for look in looks(tmp_path) if "halted" in look]


def test_an_order_of_somebody_else_is_named_while_its_symbol_is_locked(tmp_path):
    with two(tmp_path) as floor:
        of_hand(floor.fake)
        floor.tick("2010-01-06T01:00", times=2)
        text = "nothing is sent of IBM: order hand-1 of somebody else"
        assert looks(tmp_path) == (f"the runner trades in part: {text}",)
        assert floor.rows("SELECT phase, text FROM pulse") == [("trading", text)]
        floor.tick("2010-01-06T21:01", times=2)
        note = "blocked: locked (IBM must have no order of somebody else, was order hand-1)"
        assert entries(floor)[0] == ("IBM", "lapsed", note)


def test_an_entry_kept_since_nobody_knows_the_splits_says_so(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.advance_to((it.cross.close + timedelta(days=1)).replace(hour=0, minute=30))
        it.fake.fault("GET /v1/corporate-actions", "200", body={"corporate_actions": {"forward_splits": [7]}})
        it.floor.tick()
        ((_, status, note),) = entries(it.floor)
        assert (status, note.partition(" (")[0]) == ("new", "blocked: splits")
        it.fake.script.clear()
        it.floor.tick()
        assert entries(it.floor) == [("AAA", "accepted", "")]


def test_while_the_facts_of_a_day_lack_an_outage_is_the_gate(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault("GET /v1/corporate-actions", "403", times=0)
        it.fake.advance_to((it.cross.close + timedelta(days=1)).replace(hour=12, minute=0))
        it.fake.trade_by_hand("AAA", 20)  # a drift, or a split that nobody tells of
        it.floor.tick(times=2)
        ((phase, text),) = it.floor.rows("SELECT phase, text FROM pulse")
        assert phase == "unreachable"
        assert text.startswith(f"{ASKED}AAA: 0 shares were held, the broker has 20; ")
        assert not is_at_work(it.floor.journal)
        it.fake.trade_by_hand("AAA", -20)
        it.floor.tick()
        ((_, status, note),) = entries(it.floor)
        assert (status, note.partition(" (")[0]) == ("new", "blocked: unreachable")


def test_an_entry_that_the_broker_never_had_does_not_lapse_as_unfilled_there(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.floor.tick(it.entry.close + timedelta(minutes=1))  # no look in between
        assert entries(it.floor) == [("AAA", "lapsed", "never taken by the broker")]


def test_an_answer_that_ends_the_look_is_no_work(tmp_path):
    with story(tmp_path) as it:
        for phase, text, works in [
            ("halted", f"{ASKED}x", True), ("halted", "order PP-1: ours 3, theirs 5", False),
            ("killed", "", False), ("unreachable", "", False), ("trading", "", True), ("waiting", "x", True),
        ]:  # fmt: skip
            it.floor.trader._voice.pulse(phase, text)
            assert is_at_work(it.floor.journal) == works


@pytest.mark.parametrize(("phase", "text", "named"), [
    ("trading", "", ()), ("waiting", "bars that are due have not come", ()),
    ("waiting", "nothing is sent of B: x; y", ("the runner trades in part: nothing is sent of B: x; y",)),
])  # fmt: skip
def test_a_lock_is_looked_at_whether_or_not_a_bar_is_waited_for(tmp_path, phase, text, named):
    path = healthy(tmp_path / "run.sqlite")
    beat(path, phase=phase, text=text)
    assert glance_at(path, NOW).looks == named
    change(path, "DELETE FROM holdings")
    beat(path, phase="stopped", text=text)
    seen = glance_at(path, NOW)
    assert (seen.health, len(seen.looks)) == (Health.STOPPED, len(named))
