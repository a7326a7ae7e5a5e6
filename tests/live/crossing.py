"""One symbol whose averages cross upwards at one known close: the strategy enters at the next open."""

from contextlib import contextmanager
from datetime import date, timedelta

from research.execution import Execution
from research.request import Request
from tests.fake_alpaca import Calendar, FakeAlpaca, Settings
from tests.fake_alpaca.worlds import table
from tests.live.trading import Floor

BEFORE, AFTER = 430, 8
PARAMS = {"fast": 2, "slow": 10, "stop": 0.05, "target": 0.5}
REQUEST = Request("ma_crossover", ["AAA"], params=PARAMS, execution=Execution(slippage=0.0, commission=0.0))
PLAIN = date(2026, 3, 17)  # a Tuesday, with nothing about it


def sessions_around(day):
    """Return sessions up to a day, and some after it."""
    found = Calendar.of().between(day - timedelta(days=720), day + timedelta(days=30))
    at = [session.date for session in found].index(day)
    return found[at - BEFORE : at + AFTER + 1]


def prices(k, after=None):
    """Return open, high, low, close: 0.1 down a day, at the cross 8 up, then 1 up a day, or as told."""
    if after is not None and k - BEFORE in after:
        return after[k - BEFORE]
    close = 150 - 0.1 * k if k < BEFORE else 150 - 0.1 * BEFORE + 8 + (k - BEFORE)
    last = 150 - 0.1 * (k - 1) if k <= BEFORE else close - 1
    return last, max(last, close) + 0.3, min(last, close) - 0.3, close


class Story:
    """A fake broker and an account at it, on the evening before the cross."""

    def __init__(
        self, folder, day=PLAIN, *, after=None, alter=lambda b: b, settings=None, request=None, **habits
    ):
        self.sessions = sessions_around(day)
        self.cross, self.entry, *self.later = self.sessions[BEFORE:]
        bars = alter(table(("AAA", s.close, *prices(k, after)) for k, s in enumerate(self.sessions)))
        evening = self.sessions[BEFORE - 1].close + timedelta(hours=5)
        self.fake = FakeAlpaca(bars, start=evening, settings=Settings(**(settings or {})))
        self.folder, self.habits = folder, habits
        self.floor = Floor(self.fake, folder, request or REQUEST, start="2023-01-01", **habits)
        self.floor.tick()

    def decide(self):
        """Go to a minute after the crossing close, and let it be decided."""
        self.floor.tick(self.cross.close + timedelta(minutes=1))

    def evening(self, times=1):
        """Go to the evening of New York, when the next opening auction takes orders."""
        midnight = (self.cross.close + timedelta(days=1)).replace(hour=0, minute=30)
        self.floor.tick(max(midnight, self.fake.now), times=times)

    def open(self, times=2):
        """Go past the next open, when the entry has filled."""
        self.floor.tick(self.entry.open + timedelta(seconds=20), times=times)

    def enter(self):
        """Decide, send and fill."""
        self.decide()
        self.evening()
        self.open()
        return self

    @property
    def sent(self):
        """The bodies of all orders that were sent, as often as they were."""
        return [call.body for call in self.fake.log.of("POST /v2/orders")]

    @property
    def entries(self):
        return [body for body in self.sent if body["type"] == "market" and body["side"] == "buy"]

    @property
    def protection(self):
        """What rests open at the broker for us, as (side, shares, stop)."""
        tops = [order for order in self.fake.orders() if order.open and order.parent is None]
        stops = [order.stop_price or next((g.stop_price for g in order.legs), None) for order in tops]
        return [(o.side, o.qty - o.filled_qty, stop) for o, stop in zip(tops, stops, strict=True)]

    def told(self, kind):
        """The texts of the journal's events of a kind."""
        rows = self.floor.journal.rows("SELECT text FROM events WHERE kind = ? ORDER BY seq", kind)
        return [text for (text,) in rows]

    def kinds(self):
        return [kind for (kind,) in self.floor.rows("SELECT kind FROM events ORDER BY seq")]


@contextmanager
def story(folder, day=PLAIN, **more):
    """Give a story, and close it."""
    folder.mkdir(exist_ok=True)
    it = Story(folder, day, **more)
    try:
        yield it
    finally:
        it.floor.close()
        it.fake.stop()
