"""One rate limit for each host, however many lines lead to it."""

from pydantic import SecretStr

from live.keys import Access
from live.lines import Lines


def lines(trading, data):
    return Lines(Access(SecretStr("key"), SecretStr("secret"), False, trading, data))


def paces(found):
    return [found.account._line._pace, found.data._pace, found.actions._pace]


def test_what_goes_to_one_host_is_counted_together():
    found = lines("https://paper-api.alpaca.markets", "https://data.alpaca.markets")
    trading, data, actions = paces(found)
    assert found.account is found.account
    assert data is actions
    assert found.patient._line._pace is trading
    assert trading is not data
    assert (found.local, sum(trading.take() == 0.0 for _ in range(200))) == (False, 120)
    assert sum(data.take(urgent=True) == 0.0 for _ in range(200)) == 150


def test_a_broker_on_this_machine_has_no_rate_to_keep():
    found = lines("http://127.0.0.1:1", "http://127.0.0.1:1")
    assert found.local
    assert all(paces(found)[0].take() == 0.0 for _ in range(1000))
