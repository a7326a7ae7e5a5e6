"""Before an account is traded: more symbols than a minute has requests are all asked for."""

from live.alpaca import AlpacaAccount
from live.beginning import require_tradable
from live.line import Unhurried
from live.pace import Pace
from live.talk import Reply


class Stub:
    def __init__(self):
        self.asked = []

    def ask(self, method, path, data=None, *, seconds=None):
        self.asked.append(path)
        return Reply(200, {"status": "active", "tradable": True})


def test_symbols_beyond_our_rate_limit_wait_their_minute():
    stub, symbols = Stub(), [f"S{k}" for k in range(7)]
    now, waited = [0.0], []

    def idle(seconds):
        waited.append(seconds)
        now[0] += seconds

    line = Unhurried(stub, idle, Pace(3, 0, clock=lambda: now[0]))  # type: ignore[arg-type]
    require_tradable(symbols, AlpacaAccount(line))
    assert stub.asked == [f"/assets/{symbol}" for symbol in symbols]
    assert waited == [60.0, 60.0]
