"""Orders and the broker's reports of them, shared by the tests of the order machine."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from live.order_states import Tracked, report
from live.payloads import order_of
from live.transitions import State

D = Decimal
NOON = datetime(2026, 11, 20, 17, tzinfo=UTC)


def sent(quantity=10, **more):
    return Tracked("XX-1", "IBM", 1, D(quantity), State.UNKNOWN, **more)


def said(status, filled="0", average=None, at=None, **more):
    """Tell of the order as the broker would; `at` in seconds after noon."""
    payload = {
        "id": "b1", "client_order_id": "XX-1", "symbol": "IBM", "side": "buy", "qty": "10", "status": status,
        "filled_qty": filled, "filled_avg_price": average,
    }  # fmt: skip
    if at is not None:
        payload["updated_at"] = (NOON + timedelta(seconds=at)).isoformat()
    return order_of({**payload, **more})


def told(order, *reports):
    """Take reports one after the other; return the order and all that they brought."""
    executed, troubles = [], []
    for one in reports:
        step = report(order, one)
        order = step.order
        executed += [step.executed] if step.executed else []
        troubles += [kind for kind, _ in step.troubles]
    return order, executed, troubles
