"""The trading API, v2: account, orders, positions, assets, clock, calendar, activities.

Each handler takes the world and a request, and returns status and JSON; a refusal is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tests.fake_alpaca import desk
from tests.fake_alpaca.clock import utc
from tests.fake_alpaca.order import OPEN, Order
from tests.fake_alpaca.sessions import EASTERN
from tests.fake_alpaca.settings import Refused, missing
from tests.fake_alpaca.views import View

if TYPE_CHECKING:
    from tests.fake_alpaca.exchange import Exchange


@dataclass(frozen=True)
class Request:
    """One request, parsed; `id` is the last part of its path where that is a parameter."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    id: str = ""

    def flag(self, name: str) -> bool:
        """Return a query parameter as a truth."""
        return self.query.get(name, "").lower() in {"true", "1"}


@dataclass
class World:
    """What handlers work on; `after` collects what happens once the answer is written down."""

    exchange: Exchange
    view: View
    after: list[Callable[[], None]]
    skew: float = 0.0
    day_trader: bool = False


Answer = tuple[int, Any]


def account(world: World, request: Request) -> Answer:
    """GET /v2/account."""
    return 200, world.exchange.account.to_json(world.exchange.book.reserved())


def configurations(world: World, request: Request) -> Answer:
    """GET and PATCH /v2/account/configurations."""
    said = {
        "fractional_trading": True,
        "max_margin_multiplier": str(int(world.exchange.settings.multiplier)),
        "no_shorting": world.exchange.settings.multiplier <= 1.0,
        "suspend_trade": bool(world.exchange.settings.account.get("trade_suspended_by_user")),
        "trade_confirm_email": "all",
        "ptp_no_exception_entry": False,
        "max_options_trading_level": None,
    }
    if request.method == "PATCH" and isinstance(request.body, dict):
        said |= request.body
        world.exchange.settings.account["trade_suspended_by_user"] = bool(said["suspend_trade"])
    return 200, said


def clock(world: World, request: Request) -> Answer:
    """GET /v2/clock, in Eastern time as the broker's."""
    exchange = world.exchange
    now = exchange.now
    shut = [end for start, end in exchange.closures if start <= now < end]
    opening = shut[0] if shut and exchange.calendar.at(shut[0]) else exchange.calendar.next_open(now)
    seen = now + timedelta(seconds=world.skew)
    return 200, {
        "timestamp": seen.astimezone(EASTERN).isoformat(),
        "is_open": exchange.is_open,
        "next_open": opening.astimezone(EASTERN).isoformat(),
        "next_close": exchange.calendar.next_close(now).astimezone(EASTERN).isoformat(),
    }


def calendar(world: World, request: Request) -> Answer:
    """GET /v2/calendar."""
    first = date.fromisoformat(request.query.get("start", "1970-01-01")[:10])
    last = date.fromisoformat(request.query.get("end", "2029-12-31")[:10])
    return 200, world.exchange.calendar.rows(first, last)


def assets(world: World, request: Request) -> Answer:
    """GET /v2/assets."""
    found = [world.exchange.asset(symbol) for symbol in world.exchange.tape.symbols]
    wanted = request.query.get("status")
    return 200, [a for a in found if wanted is None or a["status"] == wanted]


def asset(world: World, request: Request) -> Answer:
    """GET /v2/assets/{symbol or id}."""
    return 200, world.exchange.asset(request.id)


def post_order(world: World, request: Request) -> Answer:
    """POST /v2/orders."""
    if not isinstance(request.body, dict):
        raise Refused(400, 40010001, "request body format is invalid")
    if world.day_trader:
        raise Refused(403, 40310100, "trade denied due to pattern day trading protection")
    order = desk.submit(world.exchange, request.body)
    world.after.append(lambda: world.exchange.activate(order))
    return 200, order.to_json()


def list_orders(world: World, request: Request) -> Answer:
    """GET /v2/orders: open ones by default, 50 by default and 500 at most, newest first."""
    query, book = request.query, world.exchange.book
    status, nested = query.get("status", "open"), request.flag("nested")
    found = list(book.orders.values()) if status != "open" else book.open
    if status == "closed":
        found = [o for o in found if o.status not in OPEN]
    if nested:
        children = {leg.id for o in book.orders.values() for leg in o.legs}
        if status == "open":  # a bracket whose entry has filled is shown for its open legs
            found = [*found, *{o.parent.id: o.parent for o in found if o.parent}.values()]
        found = [o for o in dict.fromkeys(found) if o.id not in children]
    symbols = [s for s in query.get("symbols", "").split(",") if s]
    found = [o for o in found if not symbols or o.symbol in symbols]
    found = [o for o in found if query.get("side") in {None, o.side}]
    if "after" in query:
        found = [o for o in found if (o.submitted_at or o.created_at) > _instant(query["after"])]
    if "until" in query:
        found = [o for o in found if (o.submitted_at or o.created_at) < _instant(query["until"])]
    found.sort(key=lambda o: o.number, reverse=query.get("direction", "desc") != "asc")
    limit = int(query.get("limit", "50"))
    if not 1 <= limit <= 500:
        raise Refused(422, 42210000, f"limit must be between 1 and 500, was {limit}")
    return 200, [o.to_json(nested=nested) for o in found[:limit]]


def get_order(world: World, request: Request) -> Answer:
    """GET /v2/orders/{id}."""
    return 200, world.exchange.book.get(request.id).to_json(nested=True)


def get_by_client(world: World, request: Request) -> Answer:
    """GET /v2/orders:by_client_order_id."""
    return 200, world.exchange.book.get_client(request.query.get("client_order_id", "")).to_json(nested=True)


def patch_order(world: World, request: Request) -> Answer:
    """PATCH /v2/orders/{id}."""
    new = desk.replace(world.exchange, world.exchange.book.get(request.id), request.body or {})
    reply = new.to_json()
    world.after.append(lambda: world.exchange.activate(new))
    return 200, reply


def delete_order(world: World, request: Request) -> Answer:
    """DELETE /v2/orders/{id}."""
    world.exchange.cancel(world.exchange.book.get(request.id))
    return 204, None


def delete_orders(world: World, request: Request) -> Answer:
    """DELETE /v2/orders: each with a status of its own."""
    rows = []
    for order in world.exchange.book.open:
        if order.open and not order.waits and order.status != "pending_cancel":
            world.exchange.cancel(order)
            rows.append({"id": order.id, "status": 200, "body": order.to_json()})
    return 207, rows


def positions(world: World, request: Request) -> Answer:
    """GET /v2/positions."""
    book = world.exchange.account
    held = [book.positions[s] for s in sorted(book.positions)]
    return 200, [book.position_json(p, world.exchange.book.available(p.symbol)) for p in held]


def position(world: World, request: Request) -> Answer:
    """GET /v2/positions/{symbol}."""
    name = world.exchange.asset(request.id)["symbol"]
    held = world.exchange.account.positions.get(name)
    if held is None:
        raise missing("position does not exist")
    return 200, world.exchange.account.position_json(held, world.exchange.book.available(name))


def delete_position(world: World, request: Request) -> Answer:
    """DELETE /v2/positions/{symbol}."""
    qty, part = (request.query.get(name) for name in ("qty", "percentage"))
    order = desk.close_position(
        world.exchange, request.id, float(qty) if qty else None, float(part) if part else None
    )
    world.after.append(lambda: world.exchange.activate(order))
    return 200, order.to_json()


def delete_positions(world: World, request: Request) -> Answer:
    """DELETE /v2/positions: each with a status of its own."""
    if request.flag("cancel_orders"):
        delete_orders(world, request)
    rows: list[dict[str, Any]] = []
    made: list[Order] = []
    for symbol in sorted(world.exchange.account.positions):
        try:
            order = desk.close_position(world.exchange, symbol)
            made.append(order)
            rows.append({"symbol": symbol, "status": 200, "body": order.to_json()})
        except Refused as refusal:
            rows.append({"symbol": symbol, "status": refusal.status, "body": refusal.body})
    world.after += [lambda o=o: world.exchange.activate(o) for o in made]  # type: ignore[misc]
    return 207, rows


def activities(world: World, request: Request) -> Answer:
    """GET /v2/account/activities[/FILL]: executions, newest first, by pages whose token is the last id."""
    query, book = request.query, world.exchange.account
    kinds = request.id or query.get("activity_types", "FILL")
    if "FILL" not in kinds:
        return 200, []
    rows = [book.execution_json(done) for done in book.executions]
    if query.get("direction", "desc") == "desc":
        rows.reverse()
    if "date" in query:
        rows = [
            r
            for r in rows
            if _instant(r["transaction_time"]).astimezone(EASTERN).date().isoformat() == query["date"][:10]
        ]
    if "after" in query:
        rows = [r for r in rows if _instant(r["transaction_time"]) > _instant(query["after"])]
    if "until" in query:
        rows = [r for r in rows if _instant(r["transaction_time"]) < _instant(query["until"])]
    if token := query.get("page_token"):
        ids = [r["id"] for r in rows]
        rows = rows[ids.index(token) + 1 :] if token in ids else []
    return 200, rows[: int(query.get("page_size", "100"))]


def history(world: World, request: Request) -> Answer:
    """GET /v2/account/portfolio/history: equity at each close."""
    book = world.exchange.account
    base = book.settings.cash
    equity = [value for _, value in book.history]
    return 200, {
        "timestamp": [int(at.timestamp()) for at, _ in book.history],
        "equity": equity,
        "profit_loss": [value - base for value in equity],
        "profit_loss_pct": [value / base - 1.0 for value in equity],
        "base_value": base,
        "timeframe": "1D",
    }


@lru_cache(10_000)
def _instant(text: str) -> datetime:
    """Read a query's instant; one without a zone is UTC, and a plus that became a space is mended."""
    return utc(datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "+"))).astimezone(UTC)
