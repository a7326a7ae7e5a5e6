"""The trading API through alpaca-py's own client: every answer parses, every refusal is as documented."""

import math
from datetime import date

import pytest
from alpaca.common.enums import Sort
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import AssetStatus, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    ClosePositionRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from tests.fake_alpaca.worlds import at

BUY, SELL, DAY, GTC = OrderSide.BUY, OrderSide.SELL, TimeInForce.DAY, TimeInForce.GTC


def market(qty=10, symbol="AAA", side=BUY, tif=DAY, **more):
    return MarketOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, **more)


def limit(price, qty=10, symbol="AAA", side=BUY, tif=DAY, **more):
    return LimitOrderRequest(symbol=symbol, qty=qty, side=side, time_in_force=tif, limit_price=price, **more)


def oco(target, stop, qty=10):
    more = {
        "take_profit": TakeProfitRequest(limit_price=target),
        "stop_loss": StopLossRequest(stop_price=stop),
    }
    return limit(None, qty, side=SELL, tif=GTC, order_class="oco", **more)


@pytest.fixture
def holding(fake, clients):
    """Hold ten shares of AAA, bought at 100, after Monday's close."""
    clients.trading.submit_order(market())
    fake.advance_to(at(0, "20:00"))
    return clients.trading


def refusal(call, *arguments, **more):
    with pytest.raises(APIError) as caught:
        call(*arguments, **more)
    return caught.value.status_code, caught.value.code, caught.value.message


def test_account_has_strings_and_no_day_trade_fields(clients):
    account, raw = clients.trading.get_account(), clients.raw.get_account()
    assert (account.status, account.cash, account.buying_power) == ("ACTIVE", "100000", "100000")
    assert not {"pattern_day_trader", "daytrade_count", "daytrading_buying_power"} & set(raw)
    assert clients.trading.get_account_configurations().suspend_trade is False


def test_clock_and_calendar_know_the_half_day(fake, clients):
    fake.advance_to(at(4, "10:00"))
    clock = clients.trading.get_clock()
    assert (clock.is_open, clock.next_close, clock.timestamp) == (True, at(4, "13:00"), at(4, "10:00"))
    first, second = date(2026, 3, 5), date(2026, 3, 6)
    rows = clients.raw.get_calendar(GetCalendarRequest(start=first, end=second))
    hours = [(row["date"], row["open"], row["close"]) for row in rows]
    assert hours == [("2026-03-05", "09:30", "16:00"), ("2026-03-06", "09:30", "13:00")]
    assert clients.trading.get_calendar(GetCalendarRequest(start=first, end=second))[1].close.hour == 13


def test_clock_changes_offset_with_daylight_saving(fake, clients):
    assert clients.raw.get_clock()["timestamp"].endswith("-05:00")
    fake.advance_to(at(7, "10:00"))
    assert clients.raw.get_clock()["timestamp"].endswith("-04:00")
    assert clients.trading.get_clock().is_open


def test_assets(clients, fake):
    fake.settings.assets["BBB"] = {"tradable": False, "fractionable": False}
    found = clients.trading.get_all_assets(GetAssetsRequest(status=AssetStatus.ACTIVE))
    assert [(a.symbol, a.tradable) for a in found] == [("AAA", True), ("BBB", False)]
    assert clients.trading.get_asset("AAA").id == found[0].id
    assert refusal(clients.trading.get_asset, "ZZZ")[0] == 404


def test_order_and_position_from_beginning_to_end(fake, clients):
    order = clients.trading.submit_order(market(client_order_id="one"))
    assert (order.status, order.filled_qty) == (OrderStatus.ACCEPTED, "0")
    fake.advance_to(at(0))
    order = clients.trading.get_order_by_id(order.id)
    assert (order.status, order.filled_avg_price, order.filled_qty) == (OrderStatus.FILLED, "100", "10")
    held = clients.trading.get_open_position("AAA")
    assert (held.qty, held.avg_entry_price, held.market_value, held.qty_available) == (
        "10",
        "100",
        "1010",
        "10",
    )
    closing = clients.trading.close_position("AAA", ClosePositionRequest(qty="4"))
    fake.advance_to(at(1, "09:30"))
    assert clients.trading.get_order_by_id(closing.id).filled_avg_price == "102"
    assert clients.trading.get_all_positions()[0].qty == "6"
    (answer,) = clients.trading.close_all_positions(cancel_orders=True)
    assert (answer.status, answer.symbol, answer.body.qty) == (200, "AAA", "6")
    assert clients.trading.get_all_positions() == []
    assert refusal(clients.trading.get_open_position, "AAA")[0] == 404
    assert clients.trading.get_account().cash == "100020"


def test_activities_are_the_truth_by_pages(fake, clients):
    clients.trading.submit_order(market(10, client_order_id="one"))
    clients.trading.submit_order(market(5, "BBB", client_order_id="two"))
    fake.advance_to(at(0))
    newest = clients.trading.get("/account/activities/FILL", {"page_size": 1})
    assert [(a["symbol"], a["qty"], a["price"], a["type"]) for a in newest] == [("BBB", "5", "50", "fill")]
    token = {"page_size": 1, "page_token": newest[0]["id"]}
    assert clients.trading.get("/account/activities/FILL", token)[0]["symbol"] == "AAA"
    history = clients.trading.get_portfolio_history(GetPortfolioHistoryRequest(timeframe="1D"))
    assert history.equity == [100_010.0]


@pytest.mark.parametrize(
    "request_",
    [
        limit(98.5),
        StopOrderRequest(symbol="AAA", qty=1, side=BUY, time_in_force=GTC, stop_price=110),
        StopLimitOrderRequest(
            symbol="AAA", qty=1, side=BUY, time_in_force=DAY, stop_price=110, limit_price=111
        ),
        TrailingStopOrderRequest(symbol="AAA", qty=1, side=BUY, time_in_force=DAY, trail_percent=2),
        market(0.5),
        MarketOrderRequest(symbol="AAA", notional=500, side=BUY, time_in_force=DAY),
    ],
)
def test_every_type_of_order_parses(fake, clients, request_):
    fake.advance_to(at(0, "20:00"))
    order = clients.trading.submit_order(request_)
    assert order.type == request_.type
    assert clients.trading.get_orders()[0].id == order.id


def test_bracket_and_oco_parse_with_their_legs(fake, clients):
    levels = {"take_profit": TakeProfitRequest(limit_price=110), "stop_loss": StopLossRequest(stop_price=90)}
    order = clients.trading.submit_order(limit(100, order_class="bracket", tif=GTC, **levels))
    assert [(leg.type, leg.status) for leg in order.legs] == [("limit", "held"), ("stop", "held")]
    fake.advance_to(at(0, "20:00"))
    nested = clients.trading.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
    assert (nested.status, nested.legs[0].status) == (OrderStatus.FILLED, OrderStatus.NEW)
    (shown,) = clients.trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN, nested=True))
    assert shown.id == order.id
    flat = clients.trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.OPEN))
    assert {o.id for o in flat} == {leg.id for leg in order.legs}
    clients.trading.cancel_order_by_id(order.legs[0].id)
    assert clients.trading.get_orders() == []
    order = clients.trading.submit_order(oco(110, 90))
    assert (order.order_class, order.status, order.legs[0].status) == ("oco", "accepted", "held")


def test_list_of_orders_is_filtered_and_limited(clients):
    for n in range(60):
        clients.trading.submit_order(limit(round(1 + n / 100, 2), 1, client_order_id=f"n{n}"))
    assert [o.client_order_id for o in clients.trading.get_orders()][:2] == ["n59", "n58"]
    assert len(clients.trading.get_orders()) == 50
    many = GetOrdersRequest(
        limit=500, direction=Sort.ASC, side=BUY, symbols=["AAA"], status=QueryOrderStatus.ALL
    )
    assert len(clients.trading.get_orders(many)) == 60
    assert refusal(clients.trading.get_orders, GetOrdersRequest(limit=501))[0] == 422
    assert len(clients.trading.cancel_orders()) == 60


def test_cancel_and_its_refusals(fake, clients):
    order = clients.trading.submit_order(limit(99.5))
    clients.trading.cancel_order_by_id(order.id)
    status, _, message = refusal(clients.trading.cancel_order_by_id, order.id)
    assert (status, "canceled" in message) == (422, True)
    assert refusal(clients.trading.cancel_order_by_id, "00000000-0000-0000-0000-000000000000")[0] == 404


def test_slow_cancel_may_still_be_filled(fake, clients):
    fake.settings.cancel_delay = 60.0
    order = clients.trading.submit_order(limit(99.5))
    fake.advance_to(at(0, "15:59:30"))
    clients.trading.cancel_order_by_id(order.id)
    assert clients.trading.get_order_by_id(order.id).status == OrderStatus.PENDING_CANCEL
    fake.advance_to(at(0, "16:10"))
    assert clients.trading.get_order_by_id(order.id).status == OrderStatus.FILLED


def test_replace_makes_a_new_order(clients):
    old = clients.trading.submit_order(limit(99.5, client_order_id="old"))
    change = ReplaceOrderRequest(limit_price=98, qty=4, client_order_id="new")
    new = clients.trading.replace_order_by_id(old.id, change)
    assert (new.replaces, new.qty, new.limit_price, new.client_order_id) == (old.id, "4", "98", "new")
    gone = clients.trading.get_order_by_client_id("old")
    assert (gone.status, gone.replaced_by) == (OrderStatus.REPLACED, new.id)
    assert refusal(clients.trading.replace_order_by_id, old.id, change)[0] == 422


def test_a_client_id_is_never_reused(clients):
    order = clients.trading.submit_order(limit(99.5, client_order_id="mine"))
    said = refusal(clients.trading.submit_order, limit(99.5, client_order_id="mine"))
    assert said == (422, 40010001, "client_order_id must be unique")
    clients.trading.cancel_order_by_id(order.id)
    assert refusal(clients.trading.submit_order, limit(99.5, client_order_id="mine")) == said
    assert refusal(clients.trading.submit_order, market(client_order_id="x" * 49))[0] == 422


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (market(symbol="ZZZ"), 422, "not found"),
        (market(-5), 422, "greater than 0"),
        (limit(99.001), 422, "sub-penny"),
        (limit(0.12345), 422, "sub-penny"),
        (limit(99, 1.5, tif=GTC), 422, "DAY"),
        (market(math.floor(1e6)), 403, "buying power"),
        (limit(99, 2000), 403, "buying power"),
        (market(side=SELL), 403, "short"),
        (limit(99, tif=TimeInForce.OPG, extended_hours=True), 422, "extended hours"),
        (
            limit(100, order_class="bracket", take_profit=TakeProfitRequest(limit_price=90),
                  stop_loss=StopLossRequest(stop_price=95)), 422, "take_profit",
        ),
        (
            limit(100, order_class="bracket", take_profit=TakeProfitRequest(limit_price=110),
                  stop_loss=StopLossRequest(stop_price=99.995)), 422, "stop_loss",
        ),
        (
            limit(100, tif=TimeInForce.OPG, order_class="oto", stop_loss=StopLossRequest(stop_price=90)),
            422, "day or gtc",
        ),
        (oco(110, 90), 422, "exit"),
    ],
)  # fmt: skip
def test_refusals_that_alpaca_py_does_not_prevent(fake, clients, request_, status, words):
    fake.advance_to(at(0, "09:30"))
    said = refusal(clients.trading.submit_order, request_)
    assert said[0] == status
    assert words in said[2]
    assert fake.orders() == []


def test_blocked_account_and_untradable_asset(fake, clients):
    fake.fault("account", "set", set={"trading_blocked": True})
    assert clients.trading.get_account().trading_blocked
    assert refusal(clients.trading.submit_order, market())[0] == 403
    fake.fault("account", "set", set={"trading_blocked": False})
    fake.fault("account", "asset", symbol="AAA", set={"tradable": False})
    assert refusal(clients.trading.submit_order, market())[0] == 422
    fake.fault("account", "pattern_day_trader")
    assert refusal(clients.trading.submit_order, market(symbol="BBB"))[:2] == (403, 40310100)


def test_more_than_is_held_and_wash_trades_are_refused(holding):
    assert refusal(holding.submit_order, market(11, side=SELL))[0] == 403
    holding.submit_order(oco(120, 90))
    status, _, message = refusal(holding.submit_order, market(10, side=SELL))
    assert (status, "available: 0" in message) == (403, True)
    assert "wash trade" in refusal(holding.submit_order, market(1))[2]
    assert holding.get_open_position("AAA").qty_available == "0"


def test_rate_limit_answers_429_with_headers(fake, clients):
    fake.settings.rate_limit = 3
    for _ in range(3):
        clients.trading.get_clock()
    clients.trading._retry = 0
    with pytest.raises(APIError) as caught:
        clients.trading.get_clock()
    headers = caught.value.response.headers
    assert (caught.value.status_code, headers["X-RateLimit-Remaining"], headers["Retry-After"]) == (
        429,
        "0",
        "61",
    )
    fake.advance(seconds=60)
    assert clients.trading.get_clock()


def test_wrong_keys(fake, clients):
    fake.settings.keys = {"key": "another"}
    assert refusal(clients.trading.get_account)[0] == 401
    fake.settings.keys = {"key": "secret"}
    assert clients.trading.get_account()


def test_unknown_route(clients):
    assert refusal(clients.trading.get, "/nothing")[0] == 404
