"""The data API: bars with pages, latest bars, quotes and trades, snapshots, corporate actions."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from tests.fake_alpaca.account import identity
from tests.fake_alpaca.settings import Refused
from tests.fake_alpaca.spelling import stamp
from tests.fake_alpaca.trading import Answer, Request, World, _instant

FEEDS = {"iex", "sip", "delayed_sip", "otc", "boats", "overnight"}
ADJUSTMENTS = {"raw", "split", "dividend", "all"}


def bars(world: World, request: Request) -> Answer:
    """GET /v2/stocks/bars: by symbol and time, up to `limit` a page; a symbol without bars is absent."""
    query, now = request.query, world.exchange.now
    _feed(query.get("feed", "sip"))
    adjustment = query.get("adjustment", "raw")
    if adjustment not in ADJUSTMENTS:
        raise Refused(400, 40010001, f"invalid adjustment: {adjustment}")
    if "timeframe" not in query:
        raise Refused(400, 40010001, "timeframe is required")
    start = _instant(query["start"]) if "start" in query else now.replace(hour=0, minute=0, second=0)
    end = _instant(query["end"]) if "end" in query else now
    rows: list[tuple[str, dict[str, Any]]] = []
    for symbol in sorted(_symbols(request)):
        seen = world.view.bars(symbol, now, query["timeframe"], adjustment, since=start)
        found = [(symbol, row) for row in seen if start <= _instant(row["t"]) <= end]
        rows += reversed(found) if query.get("sort") == "desc" else found
    limit = int(query.get("limit", "1000"))
    if not 1 <= limit <= 10_000:
        raise Refused(400, 40010001, f"limit must be between 1 and 10000, was {limit}")
    limit = min(limit, world.exchange.settings.page)
    at = _position(query.get("page_token"))
    page: dict[str, list[dict[str, Any]]] = {}
    for symbol, row in rows[at : at + limit]:
        page.setdefault(symbol, []).append(row)
    more = at + limit < len(rows)
    return 200, {"bars": page, "next_page_token": _token(at + limit) if more else None}


def bars_of(world: World, request: Request) -> Answer:
    """GET /v2/stocks/{symbol}/bars."""
    status, said = bars(world, _only(request))
    return status, {**said, "bars": said["bars"].get(request.id, []), "symbol": request.id}


def latest_bars(world: World, request: Request) -> Answer:
    """GET /v2/stocks/bars/latest: the last complete bar."""
    _feed(request.query.get("feed", "iex"))
    return 200, {"bars": {s: row for s in _symbols(request) if (row := _last(world, s))}}


def latest_trades(world: World, request: Request) -> Answer:
    """GET /v2/stocks/trades/latest."""
    return 200, {"trades": {s: row for s in _symbols(request) if (row := _trade(world, s))}}


def latest_quotes(world: World, request: Request) -> Answer:
    """GET /v2/stocks/quotes/latest: a cent on either side of the last price."""
    return 200, {"quotes": {s: row for s in _symbols(request) if (row := _quote(world, s))}}


def snapshots(world: World, request: Request) -> Answer:
    """GET /v2/stocks/snapshots: by symbol, without a key above."""
    found = {}
    for symbol in _symbols(request):
        frame = "1Day"
        rows = world.view.bars(symbol, world.exchange.now, frame, "raw")
        if rows:
            found[symbol] = {
                "latestTrade": _trade(world, symbol),
                "latestQuote": _quote(world, symbol),
                "minuteBar": _last(world, symbol),
                "dailyBar": rows[-1],
                "prevDailyBar": rows[-2] if len(rows) > 1 else None,
            }
    return 200, found


def actions(world: World, request: Request) -> Answer:
    """GET /v1/corporate-actions: splits and cash dividends that are known by now."""
    first = request.query.get("start", "1970-01-01")[:10]
    last = request.query.get("end", world.exchange.now.date().isoformat())[:10]
    wanted, kinds = _symbols(request), request.query.get("types", "")
    said: dict[str, list[dict[str, Any]]] = {}
    for action in world.exchange.tape.actions:
        day = action.ex_date.isoformat()
        begun = action.ex_date <= world.exchange.now.date() + timedelta(days=30)
        if not (first <= day <= last and begun) or (wanted and action.symbol not in wanted):
            continue
        shared = {
            "id": identity("action", action.symbol, day),
            "symbol": action.symbol,
            "cusip": identity("cusip", action.symbol)[:9].upper(),
            "process_date": day,
            "ex_date": day,
            "record_date": day,
            "payable_date": day,
        }
        if action.dividend:
            row = {**shared, "rate": action.dividend, "special": False, "foreign": False}
            said.setdefault("cash_dividends", []).append(row)
        if action.split > 1.0:
            row = {**shared, "new_rate": action.split, "old_rate": 1.0}
            said.setdefault("forward_splits", []).append(row)
        elif action.split < 1.0:
            row = {**shared, "new_rate": 1.0, "old_rate": 1.0 / action.split}
            row |= {"old_cusip": shared["cusip"], "new_cusip": shared["cusip"][::-1]}
            said.setdefault("reverse_splits", []).append(row)
    if kinds:
        said = {kind: rows for kind, rows in said.items() if kind.removesuffix("s") in kinds.split(",")}
    return 200, {"corporate_actions": said, "next_page_token": None}


def _symbols(request: Request) -> list[str]:
    return [s for s in request.query.get("symbols", "").split(",") if s]


def _only(request: Request) -> Request:
    return Request(request.method, request.path, {**request.query, "symbols": request.id}, None, request.id)


def _feed(feed: str) -> None:
    if feed not in FEEDS:
        raise Refused(400, 40010001, f"invalid feed: {feed}")


def _native(world: World) -> str:
    tape = world.exchange.tape
    return "1Day" if tape.daily else f"{int(tape.interval.total_seconds() // 60)}Min"


def _last(world: World, symbol: str) -> dict[str, Any] | None:
    if symbol not in world.exchange.tape.bars:
        return None
    now = world.exchange.now
    forming = world.exchange.tape.forming(symbol, now)
    running = stamp(forming.label) if forming else None
    rows = world.view.bars(symbol, now, _native(world), "raw", since=now - timedelta(days=30))
    whole = [row for row in rows if row["t"] != running]
    return whole[-1] if whole else None


def _trade(world: World, symbol: str) -> dict[str, Any] | None:
    price = world.exchange.account.marks.get(symbol)
    if price is None:
        return None
    at = _when(world, symbol)
    return {"t": stamp(at), "x": "V", "p": price, "s": 100, "c": ["@"], "i": int(at.timestamp()), "z": "C"}


def _quote(world: World, symbol: str) -> dict[str, Any] | None:
    price = world.exchange.account.marks.get(symbol)
    if price is None:
        return None
    bid, ask = round(price - 0.01, 4), round(price + 0.01, 4)
    at = stamp(_when(world, symbol))
    return {"t": at, "ax": "V", "ap": ask, "as": 1, "bx": "V", "bp": bid, "bs": 1, "c": ["R"], "z": "C"}


def _when(world: World, symbol: str) -> datetime:
    now, tape = world.exchange.now, world.exchange.tape
    forming = tape.forming(symbol, now)
    known = tape.known(symbol, now)
    return forming.begin if forming else known[-1].end if known else now


def _token(at: int) -> str:
    return base64.urlsafe_b64encode(f"bars|{at}".encode()).decode()


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("bars|"))
    except ValueError:
        raise Refused(400, 40010001, "invalid page_token") from None
