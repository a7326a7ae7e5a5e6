"""A glance at a run as text for people: rich on a terminal, plain elsewhere.

In: a `Glance`. Out: lines on a console, or JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from live.vitals import Health

if TYPE_CHECKING:
    from rich.console import RenderableType

    from live.glance import Glance
    from live.standing import OpenOrder, Position, Standing

__all__ = ["as_json", "as_text"]

_COLOUR = {
    Health.RUNNING: "bold green",
    Health.STOPPED: "bold yellow",
    Health.MUTE: "bold red",
    Health.DEAD: "bold red",
    Health.SILENT: "dim",
}


def as_json(glance: Glance) -> str:
    """Return everything that was seen; amounts and instants are text."""
    seen = asdict(glance)
    if glance.standing is not None:
        for told, decision in zip(seen["standing"]["decisions"], glance.standing.decisions, strict=True):
            told["text"] = decision.text
    if glance.rhythm is not None:
        seen["rhythm"] |= {"per_month": glance.rhythm.per_month, "alarm": glance.rhythm.alarm}
    return json.dumps(seen, default=_plain, indent=1)


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def as_text(glance: Glance) -> RenderableType:
    """Return what was seen, to be printed on a rich console."""
    return Group(*_parts(glance))


def _parts(glance: Glance) -> Iterator[RenderableType]:
    yield _head(glance)
    if glance.looks:
        yield Text("\nNeeds a look", "bold red")
        for line in glance.looks:
            yield _item("! ", line, "red")
    if glance.standing is not None:
        none = "none in the journal; what the broker has stands above" if glance.is_halted else "none"
        now = glance.clock or glance.at
        yield from _standing(glance.standing, now, replay=glance.mode == "replay", none=none)
    if glance.usage:
        yield _limits(glance)
    if glance.rhythm is not None:
        yield _item("\nTrades    ", _trades(glance))
    if glance.events:
        yield _events(glance)
    for note in glance.notes:
        yield _item("note      ", note, "dim")


def _item(word: str, line: str, style: str = "") -> Table:
    """Return a line whose continuation stands under its beginning."""
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column()
    lead = "\n" * word.count("\n")
    grid.add_row(Text(word, style or "bold"), Text(lead + line, style))
    return grid


def _head(glance: Glance) -> RenderableType:
    what = f"{glance.strategy} on {', '.join(glance.symbols)}" if glance.strategy else "no run"
    mode = f"  {glance.mode}" if glance.mode else ""
    title = Text.assemble((what, "bold"), (mode, "bold red" if glance.mode == "live" else "bold cyan"))
    lines: list[RenderableType] = [title, _item("runner    ", glance.vital, _COLOUR[glance.health])]
    if glance.standing is not None and glance.standing.last_bar is not None:
        last = glance.standing.last_bar
        ago = _ago((glance.clock or glance.at) - last)
        where = "" if glance.clock is None else f" at the broker, where it was {glance.clock:%Y-%m-%d %H:%M}"
        lines.append(_item("last bar  ", f"{last:%Y-%m-%d %H:%M} UTC, {ago} ago{where}"))
    worth = None if glance.standing is None else glance.standing.equity
    if worth is not None:
        whole = "" if glance.equity is None else f", the account's {glance.equity:,.2f} USD"
        lines.append(_item("equity    ", f"{worth:,.2f} USD of the run{whole}"))
    if glance.journal:
        lines.append(_item("journal   ", glance.journal))
    return Group(*lines)


def _table(title: str, *columns: str, right: str = "") -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
        show_edge=False, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for name in columns:
        table.add_column(name, justify="right" if name in right.split() else "left", overflow="fold")
    return table


def _standing(standing: Standing, now: datetime, *, replay: bool, none: str) -> Iterator[RenderableType]:
    if standing.decisions:
        table = _table("\nDecisions", "symbol", "bar (UTC)", "close", "decision", right="close")
        for d in standing.decisions:
            when = "" if d.bar_close is None else f"{d.bar_close:%Y-%m-%d %H:%M}"
            style = "bold red" if d.note else "yellow" if d.gate and not d.intent else ""
            table.add_row(d.symbol, when, f"{d.close:,.2f}", Text(d.text, style))
        yield table
    if standing.positions:
        columns = ("symbol", "shares", "average", "close", "stop", "target", "protection")
        table = _table("\nPositions", *columns, right="shares average close stop target")
        for p in standing.positions:
            table.add_row(*_position(p))
        yield table
    else:
        yield _item("\nPositions ", none)
    if standing.orders:
        yield _orders(standing, now, replay=replay)
    else:
        yield _item("Orders    ", "none open")


def _position(p: Position) -> tuple[RenderableType, ...]:
    rests, want = p.resting, p.want
    stop = _beside(None if rests is None else rests.stop, None if want is None else want.stop)
    target = _beside(None if rests is None else rests.target, None if want is None else want.target)
    if p.fault:
        state = Text(p.fault, "bold red")
    elif rests is None:
        state = Text("none wanted", "yellow")
    else:
        state = Text(f"rests, {rests.quantity:f} shares", "green")
    return p.symbol, f"{p.quantity:f}", _price(p.average), _price(p.price), stop, target, state


def _beside(rests: Decimal | None, wanted: Decimal | None) -> str:
    """Return the level that rests, and the one that is wanted where it differs."""
    if wanted is None or rests == wanted:
        return _price(rests)
    return f"{_price(rests)} (want {_price(wanted)})"


def _price(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def _orders(standing: Standing, now: datetime, *, replay: bool) -> Table:
    when = "since bar" if replay else "sent"
    table = _table("\nOpen orders", "order", "symbol", "what", "for", "state", when)
    for o in standing.orders:
        style = "bold red" if o.in_doubt else "dim" if o.leg else ""
        state = f"{o.state}, in doubt" if o.in_doubt else o.state
        sent = "" if o.sent_at is None else _since(o.sent_at, now, replay=replay)
        # The whole of it is in the JSON, and in what needs a look.
        name = o.client_id if len(o.client_id) <= 14 else f"{o.client_id[:13]}…"
        table.add_row(name, o.symbol, _what(o), o.purpose, Text(state, style), sent, style=style)
    return table


def _since(at: datetime, now: datetime, *, replay: bool) -> str:
    return f"{at:%Y-%m-%d}" if replay else f"{_ago(now - at)} ago"


def _what(order: OpenOrder) -> str:
    side = "buy" if order.side > 0 else "sell"
    done = f", {order.filled:f} filled" if order.filled else ""
    levels = [f"stop {_price(order.stop)}"] if order.stop is not None else []
    levels += [f"limit {_price(order.target)}"] if order.target is not None else []
    return " ".join([f"{side} {order.quantity:f}{done}", *levels])


def _limits(glance: Glance) -> Table:
    table = _table("\nLimits", "limit", "used", "allowed", "", right="used allowed")
    latched = {x.name: x for x in glance.latches}
    for row in glance.usage:
        latch = latched.pop(row.name, None)
        table.add_row(row.name, row.used, row.allowed, _state(row.share, None if latch is None else latch.at))
    for latch in latched.values():
        table.add_row(latch.name, "", "", _state(None, latch.at))
    return table


def _state(share: float | None, latched: str | None) -> Text:
    if latched is not None:
        return Text(f"latched {latched[:16].replace('T', ' ')} UTC", "bold red")
    if share is None:
        return Text("not known here", "dim")
    blocks = min(round(share * 10), 10) if share < 1 else 10
    colour = "red" if share > 1 else "yellow" if share > 0.8 else "green"
    return Text("█" * blocks + "·" * (10 - blocks), colour)


def _trades(glance: Glance) -> str:
    rhythm = glance.rhythm
    assert rhythm is not None  # asked only where something was journalled
    said = f"{rhythm.trades} in {rhythm.months:.1f} months"
    if rhythm.per_month is not None and rhythm.months >= 1:
        said += f", {rhythm.per_month:.2f} a month"
    if rhythm.expected is None:
        return f"{said}; what the backtest made is not in the journal"
    due = rhythm.expected * rhythm.months
    return f"{said}; the backtest's {rhythm.expected:.2f} a month give {due:.1f}"


def _events(glance: Glance) -> Table:
    table = _table("\nEvents", "written (UTC)", "event", "symbol", "")
    for e in glance.events:
        table.add_row(e.at[:19].replace("T", " "), e.kind, e.symbol, e.text)
    return table


def _ago(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:,} {name}"
    return f"{seconds} s"
