"""How a trader ends, and what it does when its broker contradicts it: told, latched, never carried on."""

from datetime import timedelta

import pytest

from live.desk import Desk
from live.home import KILL_FILE
from live.trader import CONFLICT
from research.errors import DataError, OutputError
from tests.live.crossing import story

ORDERS = "POST /v2/orders"


def test_whatever_ends_a_run_is_told_before_it_ends(tmp_path, monkeypatch):
    with story(tmp_path) as it:

        def broken(*_args):
            raise ZeroDivisionError("of a day that nobody foresaw")

        monkeypatch.setattr(Desk, "serve", broken)
        ticks: list[float] = []
        with pytest.raises(ZeroDivisionError):
            it.floor.trader.run(stop=lambda: False, wait=ticks.append)
        assert it.told("failed") == ["ZeroDivisionError: of a day that nobody foresaw"]
        assert ticks == []
        assert it.floor.rows("SELECT phase FROM pulse") != [("stopped",)]


def test_a_journal_that_cannot_be_written_ends_it_without_a_word(tmp_path, monkeypatch):
    with story(tmp_path) as it:

        def full(*_args, **_more):
            raise OutputError("journal: no space left on the device; make room")

        monkeypatch.setattr(it.floor.trader.runner.journal, "tell", full)
        monkeypatch.setattr(it.floor.trader, "_tick", full)
        with pytest.raises(OutputError, match="no space left"):
            it.floor.trader.run(stop=lambda: False, wait=lambda seconds: None)


def test_a_run_that_is_stopped_looks_no_more_and_says_so(tmp_path):
    with story(tmp_path) as it:
        waits: list[float] = []
        looks: list[int] = []
        it.floor.trader.run(
            stop=lambda: len(looks) == 2, wait=waits.append, poll=7.0, on_tick=lambda: looks.append(1)
        )
        assert (waits, looks) == ([7.0], [1, 1])
        assert it.floor.rows("SELECT phase FROM pulse") == [("stopped",)]


def test_another_order_under_our_id_halts_and_latches(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        (ours,) = it.entries
    with story(tmp_path / "again") as it:
        it.decide()
        other = {**ours, "qty": "5", "id": "theirs", "status": "new", "filled_qty": "0"}
        it.fake.fault(ORDERS, "422", message="client_order_id must be unique")
        it.fake.fault("GET /v2/orders:by_client_order_id", "200", body=other, times=0)
        it.evening()
        (text,) = it.told(CONFLICT)
        assert "qty: ours 173, theirs 5" in text
        assert it.floor.limits.latched()[CONFLICT].text == text
        assert it.floor.rows("SELECT phase FROM pulse") == [("halted",)]
        it.fake.script.clear()
        it.evening(times=2)
        assert len(it.entries) == 1


def test_cancelling_under_the_kill_switch_goes_on_while_the_broker_fails(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.evening()
        (tmp_path / KILL_FILE).write_text("by hand")
        fault = it.fake.fault("DELETE /v2/orders/*", "503", times=0)
        it.evening(times=2)
        assert any(text.startswith("cancelling goes on: ") for text in it.told("killed"))
        assert [order.open for order in it.fake.orders()] == [True]
        it.fake.script.faults.remove(fault)
        it.evening()
        assert [order.status for order in it.fake.orders()] == ["canceled"]


def test_bars_that_contradict_those_before_are_told_and_not_taken(tmp_path, monkeypatch):
    with story(tmp_path) as it:
        before = it.floor.trader.runner.engine.last_bar
        step = it.floor.trader.runner.step

        def refuse(block):
            raise DataError("AAA: the bar of yesterday is not that of the journal; ask the vendor")

        monkeypatch.setattr(it.floor.trader.runner, "step", refuse)
        it.decide()
        assert it.told("bars refused") == [
            "AAA: the bar of yesterday is not that of the journal; ask the vendor"
        ]
        assert it.floor.rows("SELECT phase FROM pulse") == [("waiting",)]
        monkeypatch.setattr(it.floor.trader.runner, "step", step)
        it.floor.tick(it.cross.close + timedelta(minutes=2))
        assert it.floor.trader.runner.engine.last_bar > before
        it.evening()
        assert len(it.entries) == 1
