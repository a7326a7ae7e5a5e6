"""A trader at the fake broker, and what goes wrong around one entry: no wrong order, and none twice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from live.findings import Act, Policy
from live.hands import Hands
from live.home import KILL_FILE
from research.errors import KeysRefused, OutputError
from tests.live.crossing import PLAIN, story
from tests.live.trading import FREE

ORDERS = "POST /v2/orders"


# --- the network, and answers ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["503", "reset"])
def test_an_outage_is_told_once_and_heals_alone(tmp_path, kind):
    with story(tmp_path) as it:
        it.decide()
        it.floor.lines[0]._patience = it.floor.lines[1]._patience = 0.1
        fault = it.fake.fault("*", kind, times=0)
        it.evening(times=3)
        assert len(it.told("unreachable")) == 1
        assert it.sent == []
        it.fake.script.faults.remove(fault)
        it.evening()
        assert (len(it.entries), it.told("reachable")) == (1, ["the broker answers again"])


def test_refused_keys_halt_at_once_and_are_no_storm(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault("*", "401", times=0)
        before = len(it.fake.log.calls)
        with pytest.raises(KeysRefused):
            it.evening()
        assert len(it.fake.log.calls) == before + 1
        assert "credentials" in it.floor.limits.latched()
        assert it.floor.rows("SELECT phase FROM pulse") == [("halted",)]


@pytest.mark.parametrize("commit", ["before", "after"])
@pytest.mark.parametrize("kind", ["504", "reset"])
def test_an_order_whose_answer_is_lost_is_asked_for_and_never_doubled(tmp_path, kind, commit):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault(ORDERS, kind, commit=commit)
        it.evening(times=3)
        it.fake.advance(minutes=1)  # longer than a request can be under way
        it.floor.tick(times=3)
        it.open()
        name = it.entries[0]["client_order_id"]
        assert it.fake.log.accepted[name] == 1
        assert it.fake.log.posts[name] == (1 if commit == "after" else 2)
        assert it.fake.positions() == {"AAA": 173.0}


def test_a_refusal_for_buying_power_is_told_and_not_repeated(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault(ORDERS, "403", message="insufficient buying power")
        it.evening(times=4)
        assert len(it.entries) == 1
        assert "insufficient buying power" in it.told("rejected")[0]


# --- orders ------------------------------------------------------------------------------------


def test_a_partial_fill_is_the_position_and_sizes_the_stop(tmp_path):
    with story(tmp_path) as it:
        it.fake.fault("fill", "partial", match={"side": "buy"}, portions=[0.25])
        it.enter()
        held = it.fake.positions()["AAA"]
        assert 0 < held < 173
        assert it.protection == [("sell", held, 109.25)]
        assert it.floor.tracks.held("AAA") == Decimal(str(held))


@pytest.mark.parametrize("kind", ["reject", "cancel", "expire"])
def test_an_order_that_the_broker_ends_is_told_and_planned_anew_at_the_next_bar_alone(tmp_path, kind):
    with story(tmp_path) as it:
        it.fake.fault("order", kind)
        it.enter()
        assert it.fake.positions() == {}
        assert any("was live, is " in text for text in it.told("ended"))
        it.floor.tick(it.entry.close + timedelta(minutes=1), times=2)
        it.floor.tick(it.entry.close + timedelta(hours=5), times=2)
        # The cross was one bar's: at the next there is none, so nothing is wanted.
        assert len(it.entries) == 1


@pytest.mark.parametrize("status", ["suspended", "moonlit"])
def test_an_order_that_hangs_is_neither_repeated_nor_forgotten(tmp_path, status):
    with story(tmp_path) as it:
        it.fake.fault("order", "stick", status=status)
        it.decide()
        it.evening(times=3)
        assert len(it.entries) == 1
        assert len(it.floor.tracks.open("AAA")) == 1


# --- the market's hours ------------------------------------------------------------------------


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "closes", "opens"),
    [
        (date(2026, 3, 6), "2026-03-06T21:00", "2026-03-09T13:30"),
        (date(2025, 10, 31), "2025-10-31T20:00", "2025-11-03T14:30"),
    ],
)
def test_daylight_saving_moves_no_decision(tmp_path, day, closes, opens):
    with story(tmp_path, day) as it:
        assert (it.cross.close, it.entry.open) == (utc(closes), utc(opens))
        it.floor.tick(it.cross.close + timedelta(seconds=29))
        assert it.floor.trader.runner.engine.last_bar.item() < utc(closes).replace(tzinfo=None)
        it.floor.tick(it.cross.close + timedelta(seconds=31))
        assert it.floor.trader.runner.engine.last_bar.item() == utc(closes).replace(tzinfo=None)
        it.floor.tick(it.entry.open - timedelta(hours=1))
        it.open()
        assert it.fake.positions() == {"AAA": 173.0}
        assert it.told("calendar") == []


def test_a_half_day_is_decided_at_its_own_close(tmp_path):
    with story(tmp_path, date(2025, 11, 28)) as it:
        assert it.cross.close == utc("2025-11-28T18:00")
        it.decide()
        assert it.floor.trader.runner.engine.last_bar.item() == utc("2025-11-28T18:00").replace(tzinfo=None)
        it.evening()
        it.open()
        assert (len(it.entries), it.told("calendar")) == (1, [])


def test_a_holiday_at_short_notice_is_the_brokers_word(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault("market", "holiday", date=it.entry.date.isoformat())
        it.evening(times=2)
        assert it.fake.positions() == {}
        it.floor.tick(it.entry.open + timedelta(minutes=5), times=2)
        assert it.fake.positions() == {}


def test_an_unscheduled_close_lets_nothing_be_entered(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault("market", "close", at=it.entry.open, until=it.entry.close)
        it.floor.tick(it.entry.open + timedelta(minutes=5), times=2)
        assert "the broker's clock says closed, its calendar open; nothing is entered" in it.told("calendar")
        assert it.entries == []


# --- bars --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["missing", "stale"])
def test_a_bar_that_does_not_come_enters_nothing(tmp_path, kind):
    with story(tmp_path) as it:
        it.fake.fault("data", kind, at=it.cross.close)
        it.decide()
        it.evening(times=2)
        it.open()
        assert it.sent == []
        assert set(it.kinds()) & {"late bar", "no bars"}


def test_without_bars_what_is_held_stays_protected(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        it.fake.fault("data", "stale", at=it.entry.close)
        it.floor.tick(it.entry.close + timedelta(hours=1), times=2)
        assert it.protection == [("sell", 173.0, 109.25)]


def test_a_bar_that_comes_twice_is_one(tmp_path):
    with story(tmp_path) as it:
        it.fake.fault("data", "repeat", at=it.cross.close)
        it.enter()
        assert it.fake.positions() == {"AAA": 173.0}
        assert it.floor.rows("SELECT count(*) FROM bars GROUP BY bar HAVING count(*) > 1") == []


@pytest.mark.parametrize("wrong", [float("nan"), -5.0])
def test_a_bar_that_is_no_bar_is_refused_and_told(tmp_path, wrong):
    with story(tmp_path) as it:
        it.fake.fault("data", "set", at=it.cross.close, set={"c": wrong})
        it.decide()
        it.evening(times=2)
        it.open()
        assert it.sent == []
        assert "AAA" in it.told("bar refused")[0]


def test_a_price_that_jumps_enters_nothing(tmp_path):
    rules = replace(FREE, collar=Decimal("0.5"))
    with story(tmp_path, rules=rules) as it:
        it.fake.fault("data", "scale", at=it.cross.close, factor=10.0)
        it.decide()
        it.evening(times=2)
        assert it.entries == []
        assert "sane price" in it.told("blocked")[0]


def test_a_corrected_bar_is_recorded_and_places_no_order(tmp_path):
    with story(tmp_path) as it:
        # First shown without the cross, and rightly an hour later.
        flat = {"o": 107.0, "h": 107.5, "l": 106.5, "c": 106.9}
        it.fake.fault("data", "revise", at=it.cross.close, seconds=3600, set=flat)
        it.decide()
        it.evening(times=2)
        it.open()
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        assert any("close 106.9, now 115" in text for text in it.told("corrected bar"))
        assert it.entries == []


# --- clocks, other hands, the account ----------------------------------------------------------


@pytest.mark.parametrize("seconds", [3, -3])
def test_clocks_that_differ_by_more_than_two_seconds_halt_entries(tmp_path, seconds):
    with story(tmp_path) as it:
        it.decide()
        it.floor.trader._clock = lambda broker: broker.now + timedelta(seconds=seconds)
        it.evening(times=2)
        assert it.entries == []
        assert "clock skew" in it.told("blocked")[0]
        it.floor.trader._clock = lambda broker: broker.now + timedelta(seconds=1)
        it.evening()
        assert len(it.entries) == 1


@pytest.mark.parametrize(("act", "kept"), [(Act.HALT, 20.0), (Act.ADOPT, 20.0), (Act.FLATTEN, None)])
def test_a_trade_by_hand_is_seen_within_one_look(tmp_path, act, kept):
    with story(tmp_path, policy=Policy(drift=act)) as it:
        it.floor.tick(it.cross.open + timedelta(minutes=5))
        it.fake.trade_by_hand("AAA", 20)
        it.floor.tick()
        assert any("20" in text and str(act) in text for text in it.told("quantity"))
        it.floor.tick(times=2)
        assert it.fake.positions().get("AAA") == kept
        if act is Act.HALT:
            it.decide()
            it.evening(times=2)
            assert it.entries == []


def test_a_split_that_nobody_announced_is_detected(tmp_path):
    with story(tmp_path) as it:
        it.enter()
        with it.fake.lock:
            it.fake.exchange.account.positions["AAA"].qty *= 2
        it.floor.tick()
        assert any("173 shares were held, the broker has 346" in text for text in it.told("quantity"))


def test_a_gap_through_the_stop_fills_at_the_gap_and_the_loss_limit_acts(tmp_path):
    after = {2: (100.0, 101.0, 99.0, 100.0)}  # the stop rests at 109.25
    rules = replace(FREE, drawdown=Decimal("0.02"))
    with story(tmp_path, after=after, rules=rules) as it:
        it.enter()
        it.floor.tick(it.entry.close + timedelta(minutes=1))
        it.floor.tick(it.later[0].open + timedelta(seconds=20))
        assert it.fake.positions() == {}
        assert [float(done.price) for done in it.fake.exchange.account.executions] == [115.0, 100.0]
        it.floor.tick(times=2)
        assert "drawdown" in it.floor.limits.latched()
        it.floor.reopen()
        assert "drawdown" in it.floor.limits.latched()


def test_the_kill_file_is_seen_at_the_next_look_and_stays(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        (tmp_path / KILL_FILE).write_text("by hand")
        it.evening(times=2)
        (tmp_path / KILL_FILE).unlink()
        it.floor.reopen()
        it.evening()
        assert it.entries == []
        assert it.floor.limits.killed


# --- the process and its files -----------------------------------------------------------------


@pytest.mark.parametrize("when", ["decided", "sent", "filled", "protected"])
def test_an_end_without_warning_loses_and_doubles_nothing(tmp_path, when):
    with story(tmp_path) as it:
        it.decide()
        if when == "decided":
            it.floor.reopen()
        it.evening()
        if when == "sent":
            it.floor.reopen()
            it.floor.tick(times=2)
        it.fake.advance_to(it.entry.open + timedelta(seconds=20))
        if when == "filled":
            it.floor.reopen()
        it.floor.tick(times=2)
        if when == "protected":
            it.floor.reopen()
            it.floor.tick(times=2)
        assert (len(it.entries), it.fake.positions()) == (1, {"AAA": 173.0})
        assert it.protection == [("sell", 173.0, 109.25)]


def entry_row(it):
    return it.floor.rows("SELECT status, sent FROM orders WHERE leg = 'entry'")


def test_an_order_whose_answer_was_never_written_stands_once_the_broker_has_it(tmp_path, monkeypatch):
    def ends(self, order, said):
        raise KeyboardInterrupt

    with story(tmp_path) as it:
        it.decide()
        with monkeypatch.context() as patched:
            patched.setattr(Hands, "stands", ends)
            with pytest.raises(KeyboardInterrupt):
                it.evening()
        assert entry_row(it) == [("new", 0)]
        it.floor.reopen()
        it.floor.tick()
        assert (entry_row(it), len(it.entries)) == ([("accepted", 1)], 1)


@pytest.mark.parametrize("commit", ["before", "after"])
def test_an_order_in_doubt_stands_once_the_broker_is_known_to_have_it(tmp_path, commit):
    with story(tmp_path) as it:
        it.decide()
        it.fake.fault(ORDERS, "504", commit=commit)
        it.fake.fault("GET /v2/orders:by_client_order_id", "500", times=1)
        it.evening()
        it.fake.advance(minutes=1)
        it.floor.tick(times=2)
        assert entry_row(it) == [("accepted", 1)]


def test_without_a_journal_there_is_no_order_and_the_stop_protects(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        it.floor.journal._db.execute("PRAGMA query_only = ON")
        with pytest.raises(OutputError, match="cannot be written"):
            it.evening()
        assert it.sent == []
    with story(tmp_path / "held") as it:
        it.enter()
        it.floor.journal._db.execute("PRAGMA query_only = ON")
        with pytest.raises(OutputError):
            it.floor.tick(it.entry.close + timedelta(minutes=1))
        assert it.protection == [("sell", 173.0, 109.25)]


def test_a_second_machine_adopts_the_order_of_the_first(tmp_path):
    with story(tmp_path) as it:
        it.decide()
        first = it.floor
        (tmp_path / "other").mkdir()
        second = type(first)(it.fake, tmp_path / "other", first.request, start="2023-01-01")
        second.tick()
        it.evening(times=2)
        second.tick(times=2)
        it.open()
        second.tick(times=2)
        assert sum(it.fake.log.accepted[body["client_order_id"]] for body in it.entries[:1]) == 1
        assert it.fake.positions() == {"AAA": 173.0}
        second.close()


def test_a_lost_journal_is_rebuilt_from_the_broker_into_a_new_file(tmp_path):
    with story(tmp_path, policy=Policy(drift=Act.ADOPT)) as it:
        it.enter()
        (tmp_path / "new").mkdir()
        it.floor.close()
        it.floor = type(it.floor)(
            it.fake, tmp_path / "new", it.floor.request, start="2023-01-01", policy=Policy(drift=Act.ADOPT)
        )
        it.floor.tick(times=3)
        assert it.floor.tracks.held("AAA") == 173
        assert len(it.entries) == 1
        it.evening(times=2)
        assert it.protection == [("sell", 173.0, 109.25)]  # as it was found: nobody here has other levels


def test_the_story_itself(tmp_path):
    """One entry, filled at the open, protected: what the other tests disturb."""
    with story(tmp_path, PLAIN) as it:
        it.enter()
        assert (len(it.entries), len(it.sent)) == (1, 2)
        assert it.fake.positions() == {"AAA": 173.0}
        assert it.protection == [("sell", 173.0, 109.25)]
