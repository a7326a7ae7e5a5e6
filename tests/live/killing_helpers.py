"""What the tests of the kill switch share: an account at a broker, orders of ours and of others."""

from contextlib import contextmanager
from datetime import UTC, datetime

from pydantic import SecretStr

from live.alpaca import AlpacaAccount
from live.flattening import Closing
from live.keys import Access
from live.line import Line
from live.sending import send_admitted
from live.talk import trading_talk
from live.winding import Winding
from tests.fake_alpaca.worlds import placed
from tests.live.canary import KEY, SECRET

SINCE = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


def access_to(fake):
    return Access(SecretStr(KEY), SecretStr(SECRET), False, fake.url, fake.url)


@contextmanager
def talking_to(fake, deadline=1.0):
    """Give an account at the fake through our own client; its connection closes at the end."""
    talk = trading_talk(access_to(fake), deadline=deadline)
    try:
        yield AlpacaAccount(Line(talk, patience=deadline))
    finally:
        talk.close()


def wound(fake, *, flatten=False, deadline=1.0, since=SINCE, under_way=1.0, **more):
    """Wind an account down; return what was left, what was told, and what is held."""
    told = []

    def tell(*line):
        told.append(line)

    with talking_to(fake, deadline) as account:
        closing = Closing(account, access_to(fake), since, send_admitted, tell, under_way=under_way)
        options = {"patience": 5.0, "settle": 0.0, "pause": 0.05} | more
        winding = Winding(account, "PP-", tell, closing if flatten else None, **options)
        return winding.run(), told, {p.symbol: p.quantity for p in winding.held or ()}


def ours(fake, name="1", symbol="BBB", qty=10, **more):
    """Place a buy order of ours that rests far below the market."""
    body = {"type": "limit", "limit_price": 20, "client_order_id": f"PP-{name}"} | more
    return placed(fake, symbol, qty, **body)


def held(fake, qty=10, symbol="AAA"):
    """Hold shares, bought by us at the market; of a short position, sold by hand."""
    return placed(fake, symbol, qty, client_order_id=f"PP-buy-{symbol}")


def protected(fake, qty=10, client_order_id="PP-oco"):
    """Rest an OCO that protects a long position in AAA."""
    levels = {"take_profit": {"limit_price": "150"}, "stop_loss": {"stop_price": "50"}}
    return placed(
        fake, qty=qty, side="sell", type="limit", time_in_force="gtc", order_class="oco",
        client_order_id=client_order_id, **levels,
    )  # fmt: skip


def open_ids(fake):
    """Return the client ids of what is open at the broker, legs left out."""
    return sorted(o.client_order_id for o in fake.orders() if o.open and o.parent is None)
