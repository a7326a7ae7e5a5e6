"""The loop: what is written before what is sent, and how a start picks up what a kill left."""

import pytest

from live.broker import SimulatedBroker
from live.orders import Outcome
from live.replay import open_replay
from research.data import load_sample
from research.errors import OnepathError
from tests.live.helpers import content, query, replayed, request

SAMPLE = load_sample(["AAPL", "IBM"])
ASKED = request(start="2006-10-02", end="2006-11-30", train_fraction=0.0, params={"trail_atr": 2.0})


class Broker(SimulatedBroker):
    """A simulated broker whose answers, and whose troubles, a test decides."""

    def __init__(self, answer=lambda _: Outcome.ACCEPTED, trouble=lambda _: None):
        super().__init__(bars_per_commit=1)
        self.answer, self.trouble, self.sent = answer, trouble, []

    def send(self, order):
        self.sent.append(order)
        return self.answer(order)

    def fill(self, bar, account, execution):
        self.trouble(bar)
        return super().fill(bar, account, execution)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    path = tmp_path_factory.mktemp("runner") / "run.sqlite"
    replayed(path, ASKED, bars=SAMPLE)
    return path


def test_an_order_is_on_disk_before_it_is_sent(tmp_path):
    path = tmp_path / "run.sqlite"
    seen = []

    def look(order):
        # Another connection sees only what is committed.
        seen.extend(query(path, f"SELECT bar, status, sent FROM orders WHERE id = '{order.id}'"))
        return Outcome.ACCEPTED

    broker = Broker(look)
    replayed(path, ASKED, bars=SAMPLE, broker=broker)
    assert len(seen) == len(broker.sent) > 10
    assert seen == [(o.bar, o.status, 0) for o in broker.sent]
    assert {"new", "working"} <= {o.status for o in broker.sent}
    assert query(path, "SELECT count(*) FROM orders WHERE sent = 0") == [(0,)]


def test_no_order_is_sent_twice_in_the_same_state(tmp_path):
    broker = Broker()
    replayed(tmp_path / "run.sqlite", ASKED, bars=SAMPLE, broker=broker)
    told = [(o.id, o.status, o.quantity, o.level) for o in broker.sent]
    assert len(told) == len(set(told))


def test_an_order_whose_outcome_is_unknown_is_sent_again_at_the_next_start(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    mute = Broker(lambda _: Outcome.UNKNOWN)
    replay = open_replay(ASKED, SAMPLE, path, broker=mute)
    while not mute.sent:
        assert replay.runner.run(most=1) == 1
    replay.journal.close()
    unheard = sorted((o.id, "new") for o in mute.sent)
    assert query(path, "SELECT id, status FROM orders WHERE sent = 0 ORDER BY id") == unheard
    again = Broker()
    assert replayed(path, ASKED, bars=SAMPLE, broker=again, most=0) == 0
    assert sorted((o.id, str(o.status)) for o in again.sent) == unheard
    assert query(path, "SELECT DISTINCT status FROM orders WHERE leg = 'entry'") == [("accepted",)]
    replayed(path, ASKED, bars=SAMPLE)
    assert content(path) == content(straight)


def test_an_unforeseen_failure_is_journalled_and_keeps_nothing_of_its_bar(straight, tmp_path):
    path = tmp_path / "run.sqlite"
    bars = 0

    def trouble(_bar):
        nonlocal bars
        bars += 1
        if bars == 12:
            raise ZeroDivisionError("the broker's program divided by zero")

    with pytest.raises(ZeroDivisionError):
        replayed(path, ASKED, bars=SAMPLE, broker=Broker(trouble=trouble))
    assert query(path, "SELECT count(*) FROM equity") == [(11,)]
    failed = query(path, "SELECT text FROM events WHERE kind = 'failed'")
    assert failed == [("ZeroDivisionError: the broker's program divided by zero",)]
    replayed(path, ASKED, bars=SAMPLE)
    now = content(path)
    now["events"] = [row for row in now["events"] if row[2] != "failed"]
    assert now == content(straight)


def test_a_failure_of_our_own_is_journalled_too(tmp_path):
    """…such as that no learner is left: whoever reads the journal alone must see why the run ended."""

    def trouble(_bar):
        raise OnepathError("no learner is left in the mixture (lightgbm: out of luck)")

    path = tmp_path / "run.sqlite"
    with pytest.raises(OnepathError):
        replayed(path, ASKED, bars=SAMPLE, broker=Broker(trouble=trouble))
    failed = query(path, "SELECT text FROM events WHERE kind = 'failed'")
    assert failed == [("OnepathError: no learner is left in the mixture (lightgbm: out of luck)",)]


def test_stop_is_asked_between_bars_and_what_was_taken_is_kept(tmp_path):
    path = tmp_path / "run.sqlite"
    replay = open_replay(ASKED, SAMPLE, path)
    seen: list[int] = []
    assert replay.runner.run(stop=lambda: len(seen) == 7, on_bar=lambda: seen.append(replay.runner.bar)) == 7
    replay.journal.close()
    assert seen == list(range(seen[0], seen[0] + 7))
    assert query(path, "SELECT max(bar), count(*) FROM equity") == [(seen[-1], 7)]
    assert replay.left == replay.span - 7
