"""What alpaca-py 0.44 was measured to do when things go wrong, it does against the fake as well.

The facts are older than the fake: they were found by other means, and the live side is built around them.
"""

import json
import math

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

from tests.fake_alpaca.worlds import at

BARS = StockBarsRequest(symbol_or_symbols="AAA", timeframe=TimeFrame.Day, start=at(-30))


def market(**more):
    return MarketOrderRequest(symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, **more)


def test_504_after_acceptance_without_an_id_makes_four_orders(fake, clients):
    clients.trading._retry_wait = 0
    fake.fault("POST /v2/orders", "504", commit="after", times=0)
    with pytest.raises(APIError):
        clients.trading.submit_order(market())
    assert len(fake.orders()) == 4


def test_with_an_id_it_is_one_order_and_a_422(fake, clients):
    clients.trading._retry_wait = 0
    fake.fault("POST /v2/orders", "504", commit="after")
    with pytest.raises(APIError) as caught:
        clients.trading.submit_order(market(client_order_id="mine"))
    assert (caught.value.status_code, caught.value.message) == (422, "client_order_id must be unique")
    assert len(fake.orders()) == 1


@pytest.mark.parametrize("kind", ["empty", "redirect"])
def test_an_empty_answer_and_a_redirection_are_type_errors(fake, clients, kind):
    fake.fault("GET /v2/account", kind)
    with pytest.raises(TypeError):
        clients.trading.get_account()


def test_html_is_a_json_error(fake, clients):
    fake.fault("GET /v2/account", "html")
    with pytest.raises(ValueError, match="Expecting value"):
        clients.trading.get_account()


def test_the_code_of_an_html_503_is_a_json_error(fake, clients):
    fake.fault("GET /v2/account", "503", html=True)
    with pytest.raises(APIError) as caught:
        clients.trading.get_account()
    with pytest.raises(json.JSONDecodeError):
        _ = caught.value.code


def test_bars_that_are_null_are_an_attribute_error(fake, clients):
    fake.fault("GET /v2/stocks/bars", "edit", set={"bars": None})
    with pytest.raises(AttributeError):
        clients.data.get_stock_bars(BARS)


def test_a_repeated_page_token_is_followed_without_end(fake, clients):
    fake.fault("GET /v2/stocks/bars", "repeat_page", times=200)
    clients.data.get_stock_bars(BARS)
    assert fake.log.count("GET /v2/stocks/bars") == 201


def test_nan_and_negative_bars_are_delivered(fake, clients):
    fake.advance_to(at(1))
    fake.fault("data", "set", at=at(0), set={"c": float("nan")})
    fake.fault("data", "set", at=at(1), set={"c": -5})
    first, second = (bar.close for bar in clients.data.get_stock_bars(BARS)["AAA"])
    assert math.isnan(first)
    assert second == -5
