"""Answers of a broker, and our orders and holdings met with them."""

from live.findings import Policy
from live.order_states import Tracked
from live.payloads import orders_of, positions_of
from live.reconcile import reconcile
from live.transitions import State
from tests.live.risk_helpers import D

LIVE = Tracked("XX-1", "IBM", 1, D(10), State.LIVE)


def an_order(name="XX-1", status="new", filled="0", average=None, **more):
    return {
        "id": f"b{name}", "client_order_id": name, "symbol": "IBM", "side": "buy", "qty": "10",
        "status": status,
        "filled_qty": filled, "filled_avg_price": average, **more,
    }  # fmt: skip


def a_position(symbol="IBM", quantity="10", average="100", **more):
    return {"symbol": symbol, "qty": quantity, "side": "long", "avg_entry_price": average, **more}


def met(orders=(), holdings=None, said=(), positions=(), policy=None, **more):
    """Reconcile our orders and holdings with raw answers of the broker."""
    return reconcile(
        {o.client_id: o for o in orders}, holdings or {}, orders_of(list(said)),
        positions_of(list(positions)), prefix="XX-", symbols={"IBM", "KO"}, policy=policy or Policy(), **more,
    )  # fmt: skip


def kinds(found):
    return [(str(f.kind), str(f.act)) for f in found.findings]
