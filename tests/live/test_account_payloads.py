"""What the door is told of account and asset: whatever is not said forbids."""

from decimal import Decimal

import pytest

from live.account_payloads import AccountFacts, account_of, asset_of
from live.risk_context import Asset
from tests.live.risk_helpers import blocked

ACCOUNT = {
    "id": "e6fe", "account_number": "PA1", "status": "ACTIVE", "currency": "USD", "equity": "100000.50",
    "last_equity": "99000.25", "cash": "5000.75",
    "buying_power": "200001", "trading_blocked": False, "account_blocked": False,
    "trade_suspended_by_user": False, "shorting_enabled": True,
}  # fmt: skip
ASSET = {
    "id": "b0b6", "class": "us_equity", "symbol": "IBM", "status": "active", "tradable": True,
    "shortable": True,
    "fractionable": True, "marginable": True,
}  # fmt: skip
STRANGE: list[object] = [None, "moonlit", -1, [], {"x": 1}, float("nan")]


def test_a_whole_account():
    assert account_of(ACCOUNT) == AccountFacts(
        Decimal("100000.50"), Decimal(200001), True, (), Decimal("99000.25"), Decimal("5000.75")
    )
    assert account_of({**ACCOUNT, "status": "active", "moon": 1}).faults == ()


@pytest.mark.parametrize("name", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
def test_a_block(name):
    assert account_of({**ACCOUNT, name: True}).faults == (name,)
    for value in STRANGE:
        assert account_of({**ACCOUNT, name: value}).faults == (f"{name} not said",)


@pytest.mark.parametrize("value", STRANGE)
def test_a_status_that_is_new(value):
    assert account_of({**ACCOUNT, "status": value}).faults == (f"status {value}",)


@pytest.mark.parametrize("name", ACCOUNT)
@pytest.mark.parametrize("value", [None, "moonlit", [], float("nan")])
def test_drift_of_an_account_never_admits_more(name, value):
    found = account_of({**ACCOUNT, name: value})
    same = account_of(ACCOUNT)
    changed = [f for f in AccountFacts.__slots__ if getattr(found, f) != getattr(same, f)]
    wanted = {
        "equity": ["equity"], "buying_power": ["buying_power"], "shorting_enabled": ["shorting"],
        "status": ["faults"], "last_equity": ["last_equity"], "cash": ["cash"],
        "trading_blocked": ["faults"], "account_blocked": ["faults"], "trade_suspended_by_user": ["faults"],
    }  # fmt: skip
    assert changed == wanted.get(name, [])
    admits = blocked(
        equity=found.equity,
        buying_power=found.buying_power,
        account_faults=found.faults,
        shorting=found.shorting,
    )
    assert (admits == "") == (name not in wanted or name in {"shorting_enabled", "last_equity", "cash"})


@pytest.mark.parametrize("payload", [None, 7, [], "x"])
def test_no_answer(payload):
    assert account_of(payload) == AccountFacts(None, None, False, ("account not said",))
    assert asset_of(payload) == Asset(False, False, False, False)


def test_a_whole_asset():
    assert asset_of(ASSET) == Asset(True, True, True, True)
    assert asset_of({**ASSET, "status": "ACTIVE", "moon": 1}) == Asset(True, True, True, True)
    assert not asset_of({**ASSET, "status": "inactive"}).active


@pytest.mark.parametrize(("name", "field"), [
    ("status", "active"), ("tradable", "tradable"), ("shortable", "shortable"),
    ("fractionable", "fractionable"),
])  # fmt: skip
def test_drift_of_an_asset_forbids(name, field):
    for value in STRANGE:
        found = asset_of({**ASSET, name: value})
        assert [f for f in Asset.__slots__ if not getattr(found, f)] == [field]
