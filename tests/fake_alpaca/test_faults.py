"""Each fault does to a client what it promises, and commits or not as it says."""

import json
import time

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import LimitOrderRequest, MarketOrderRequest
from pydantic import ValidationError

from tests.fake_alpaca import KINDS, Fault
from tests.fake_alpaca.names import Names
from tests.fake_alpaca.talk import KEYS, get, post
from tests.fake_alpaca.worlds import at

ORDERS = "POST /v2/orders"


def asked(client_id="mine"):
    return LimitOrderRequest(
        symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, limit_price=50,
        client_order_id=client_id,
    )  # fmt: skip


# --- before and after the broker has acted -----------------------------------------------------


@pytest.mark.parametrize("commit", ["before", "after"])
@pytest.mark.parametrize("kind", ["reset", "close", "mute", "refuse", "black_hole"])
def test_a_lost_answer_leaves_an_order_only_after_commit(fake, kind, commit):
    fake.fault(ORDERS, kind, commit=commit, seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        post(fake, "mine")
    assert len(fake.orders()) == (commit == "after")
    assert (fake.log.posts["mine"], fake.log.accepted["mine"]) == (1, int(commit == "after"))


@pytest.mark.parametrize("commit", ["before", "after"])
@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "429", "401", "403", "422"])
def test_a_status_instead_of_the_answer(fake, kind, commit):
    fake.fault(ORDERS, kind, commit=commit, html=kind == "503")
    answer = post(fake, "mine")
    assert answer.status_code == int(kind)
    assert answer.headers["Content-Type"].startswith("text/html" if kind == "503" else "application/json")
    assert ("Retry-After" in answer.headers) == (kind == "429")
    assert len(fake.orders()) == (commit == "after")
    assert post(fake, "mine").status_code == (422 if commit == "after" else 200)


def test_alpaca_py_repeats_a_504_and_the_id_keeps_it_one_order(fake, clients):
    clients.trading._retry_wait = 0
    fake.fault(ORDERS, "504", commit="after")
    with pytest.raises(APIError, match="unique"):
        clients.trading.submit_order(asked())
    assert (fake.log.posts["mine"], fake.log.accepted["mine"], len(fake.orders())) == (2, 1, 1)


def test_an_accepted_order_may_still_raise(fake, clients):
    fake.fault(ORDERS, "edit", set={"status": "teleported"})
    with pytest.raises(ValidationError):
        clients.trading.submit_order(asked())
    assert fake.log.accepted["mine"] == 1


# --- what comes instead of the answer ----------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [("empty", 200, ""), ("null", 200, "null"), ("html", 200, "<!DOCTYPE html>"), ("redirect", 302, ""),
     ("malformed", 200, '{"timestamp"')],
)  # fmt: skip
def test_bodies_that_are_no_answer(fake, kind, status, text):
    fake.fault("GET /v2/clock", kind, commit="after")
    with requests.Session() as session:
        answer = session.get(fake.url + "/v2/clock", headers=KEYS, timeout=1, allow_redirects=False)
    assert (answer.status_code, answer.text[: len(text) or None]) == (status, text)
    if kind in {"empty", "html", "malformed"}:
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()


def test_truncated_answer(fake):
    fake.fault("GET /v2/account", "truncated")
    with pytest.raises(requests.RequestException):
        get(fake, "/v2/account")


def test_drip_defeats_a_read_timeout(fake):
    fake.fault("GET /v2/clock", "drip", seconds=0.003)
    began = time.monotonic()
    assert get(fake, timeout=0.5).status_code == 200
    assert time.monotonic() - began > 0.5  # some 300 bytes, each within the timeout


def test_slow_answer(fake):
    fake.fault("GET /v2/clock", "slow", seconds=0.2)
    with pytest.raises(requests.Timeout):
        get(fake, timeout=0.05)


def test_mute_ends_when_its_seconds_are_over(fake):
    fake.fault("GET /v2/clock", "mute", seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        get(fake, timeout=5)


@pytest.mark.parametrize("how", ["refuse", "black_hole"])
def test_nobody_listens_and_then_somebody_does(fake, how):
    fake.fault("market", how, seconds=60)
    expected = requests.ConnectionError if how == "refuse" else requests.ConnectTimeout
    with pytest.raises(expected):
        get(fake, timeout=0.05)
    fake.listener.reopen()
    assert get(fake, timeout=5).status_code == 200


def test_name_resolution(fake):
    with Names() as names:
        by_name = fake.url.replace("127.0.0.1", names.host)
        assert requests.get(by_name + "/v2/clock", headers=KEYS, timeout=1).status_code == 200
        names.mode = "fail"
        with pytest.raises(requests.ConnectionError, match="resol"):
            requests.get(by_name, timeout=1)
        names.mode, names.seconds = "black_hole", 0.3
        began = time.monotonic()
        with pytest.raises(requests.ConnectionError):  # a timeout of 0.01 s does not cover the resolver
            requests.get(by_name, timeout=0.01)
        assert time.monotonic() - began > 0.2


def test_edit_sets_and_drops_by_path(fake):
    fake.advance_to(at(1))
    path = "/v2/stocks/bars?symbols=AAA,BBB&timeframe=1Day&start=2026-03-01T00:00:00Z"
    fake.fault(
        "GET /v2/stocks/bars", "edit", set={"bars.AAA.0.c": float("nan"), "new": 1}, drop=["bars.*.1.v"]
    )
    said = json.loads(get(fake, path).text)
    assert said["bars"]["AAA"][0]["c"] != said["bars"]["AAA"][0]["c"]
    assert (said["new"], "v" in said["bars"]["BBB"][0], "v" in said["bars"]["BBB"][1]) == (1, True, False)


def test_a_page_token_that_never_ends(fake):
    fake.advance_to(at(1))
    fake.fault("GET /v2/stocks/bars", "repeat_page", times=0)
    path = "/v2/stocks/bars?symbols=AAA&timeframe=1Day&start=2026-03-01T00:00:00Z&page_token="
    token = get(fake, path).json()["next_page_token"]
    assert get(fake, path + token).json()["next_page_token"] == token


# --- when it strikes ---------------------------------------------------------------------------


def test_nth_times_match_when_and_span(fake):
    fake.fault("GET /v2/clock", "500", nth=2, times=2)
    assert [get(fake).status_code for _ in range(4)] == [200, 500, 500, 200]
    fake.fault(ORDERS, "500", times=0, match={"symbol": "BBB"}, when=lambda facts: int(facts["qty"]) > 1)
    said = [post(fake, f"{s}{q}", symbol=s, qty=q).status_code for s in ("AAA", "BBB") for q in (1, 2)]
    assert said == [200, 200, 200, 500]
    fake.fault("GET /v2/account", "500", times=0, at=at(0, "10:00"), until=at(0, "11:00"))
    found = []
    for hour in ("09:59", "10:00", "11:00"):
        fake.advance_to(at(0, hour))
        found.append(get(fake, "/v2/account").status_code)
    assert found == [200, 500, 200]
    assert [kind for _, _, kind in fake.script.fired] == ["500"] * 4


def test_chance_is_drawn_by_the_seed(fake):
    def draw(seed):
        fake.script.clear()
        fake.script.random.seed(seed)
        fake.fault("GET /v2/clock", "500", times=0, chance=0.5)
        return [get(fake).status_code for _ in range(12)]

    first, again, other = draw(1), draw(1), draw(2)
    assert first == again != other
    assert {200, 500} == set(first)


@pytest.mark.parametrize(
    "wrong",
    [(ORDERS, "drop", {}), ("fill", "500", {}), ("data", "nan", {}), ("order", "reject", {"nth": 0}),
     (ORDERS, "500", {"commit": "maybe"})],
)  # fmt: skip
def test_a_fault_that_means_nothing_is_refused(wrong):
    where, kind, more = wrong
    with pytest.raises(ValueError, match=r"fault|nth|commit"):
        Fault(where, kind, **more)


def test_every_kind_says_what_it_does():
    assert all(words and not words.endswith(".") for kinds in KINDS.values() for words in kinds.values())


def test_market_order_request_is_counted_once(fake, clients):
    order = MarketOrderRequest(
        symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id="mine"
    )
    clients.trading.submit_order(order)
    assert (fake.log.posts["mine"], fake.log.accepted["mine"], fake.log.posts["other"]) == (1, 1, 0)
    assert "secret" not in repr(fake.log)
