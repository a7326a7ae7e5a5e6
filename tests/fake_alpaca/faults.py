"""The script of faults: what goes wrong, where, when, and whether before or after the broker has acted.

A `Fault` is data. `where` says what it watches:

=====================================  =====================================================================
`"POST /v2/orders"`, `"GET /v2/*"`      requests: method and path, with the wildcards of fnmatch
`"connect:/stream"`, `"connect:/v2/*"`  websocket handshakes, by path
`"stream:trade_updates"`                messages of the account's stream, one by one
`"stream:bars"`                         messages of the data stream
`"order"`                               orders, as they are accepted
`"fill"`                                occasions on which an order would fill
`"data"`                                bars as clients are shown them; fills are not touched
`"market"`, `"account"`                 the world itself, at an instant
=====================================  =====================================================================

`kind` is one of `KINDS` for that place; a number is an HTTP status. `KINDS` says what each does and reads.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from tests.fake_alpaca.clock import utc

KINDS: dict[str, dict[str, str]] = {
    "request": {
        "reset": "the connection is reset",
        "close": "the connection is closed without an answer",
        "mute": "no answer, for `seconds` (0: ever)",
        "slow": "the answer comes after `seconds`",
        "drip": "the answer comes one byte per `seconds` (1)",
        "truncated": "the answer ends in the middle",
        "malformed": "200 with JSON that is cut",
        "empty": "200 with an empty body",
        "html": "200 with a page of HTML; with `status`, that status",
        "redirect": "302 to elsewhere",
        "null": "200 with null",
        "edit": "the true answer with `set` {path: value}, `drop` [path], path a.b.*.c",
        "refuse": "reset, and for `seconds` (1) nobody listens",
        "black_hole": "reset, and for `seconds` (1) connecting meets silence",
        "fill_first": "the order in the path fills before the request is handled",
        "repeat_page": "next_page_token is the token that was asked with, for ever",
    },
    "connect": {
        "reset": "the connection is reset",
        "mute": "no handshake, for `seconds` (0: ever)",
        "silent": "the handshake succeeds, then nothing is ever said, not even a pong",
        "unauthorized": "authentication is refused",
        "repeat": "the answer to authentication comes twice",
        "hang_up": "the connection is cut when the keys have come",
        "babble": "bytes that are no message answer the keys",
        "elsewhere": "302 to `to` instead of the handshake",
    },
    "stream": {
        "drop": "the message is lost",
        "duplicate": "it comes `copies` (2) times",
        "late": "it comes after the next `messages` (1)",
        "edit": "`set` and `drop`, as for requests",
        "garbage": "bytes that are no message come instead",
        "disconnect": "the connection is lost before it",
        "mute": "from here on this connection says nothing, not even a pong",
    },
    "order": {
        "reject": "accepted, then rejected",
        "cancel": "accepted, then cancelled by the broker",
        "expire": "accepted, then expired",
        "stick": "it takes on `status` and goes nowhere",
        "suspend": "it takes on `status` (suspended) for `seconds` of fake time, then goes on",
    },
    "fill": {
        "partial": "`portions` ([0.5, 1]) of it fill, one per occasion, 0 is a pause",
        "partial_then_cancel": "`portion` (0.5) fills, the broker cancels the rest",
        "partial_then_stick": "`portion` (0.5) fills, the rest goes nowhere",
        "skip": "it does not fill on this occasion",
    },
    "data": {
        "missing": "the bar is not there",
        "stale": "no bar from `at` on is there, until `until`",
        "repeat": "the bar comes twice",
        "scale": "prices times `factor`",
        "set": "`set` {field: value}: o, h, l, c, v, t",
        "revise": "shown with `set` at first, and rightly after `seconds` of fake time, with a corrected bar",
        "shift": "its time is off by `hours`",
        "naive": "its time has no zone",
        "unadjusted": "adjustment is ignored: raw prices come",
    },
    "market": {
        "close": "an unscheduled close until `until`",
        "halt": "`symbol` does not trade until `until`",
        "holiday": "`date` is no session after all (the broker's calendar says so too)",
        "hours": "`date` has `open` and `close`, \"HH:MM\" Eastern",
        "skew": "the broker's clock is `seconds` ahead",
        "refuse": "for `seconds` (1) of real time nobody listens",
        "black_hole": "for `seconds` (1) of real time connecting meets silence",
        "disconnect": "every websocket is cut",
    },
    "account": {
        "set": "fields of GET /v2/account: `set`",
        "asset": "fields of the asset of `symbol`: `set`",
        "trade": "somebody trades by hand: `symbol`, signed `qty`, `price` (the last)",
        "cancel": "somebody cancels the open orders of `symbol` by hand",
        "pattern_day_trader": "orders are refused with 403 as pattern day trading",
    },
}  # fmt: skip


def scope(where: str) -> str:
    """Return the row of `KINDS` that a place belongs to."""
    head = where.partition(":")[0]
    return head if head in KINDS and head != "request" else "request"


@dataclass
class Fault:
    """One fault.

    Attributes
    ----------
    where, kind : str
    nth : int
        From which matching occasion on, counted from 1 since the fault was added.
    times : int
        On how many occasions in all; 0 for ever.
    commit : {"before", "after"}
        Of a request: whether the broker acts before the answer goes wrong. "after": the order exists.
    match : mapping
        Fields that must be equal: of a request's query, body and last part of the path (`id`), of a message,
        of an order.
    when : callable or None
        Further condition on those fields.
    at, until : datetime, str or None
        The span of the fake's time in which it watches; of market and account, when it happens.
    chance : float
        Probability of each occasion, drawn by the script's seed.
    args : mapping
        What the kind reads.
    """

    where: str
    kind: str
    nth: int = 1
    times: int = 1
    commit: str = "before"
    match: Mapping[str, Any] = field(default_factory=dict)
    when: Callable[[Mapping[str, Any]], bool] | None = None
    at: datetime | str | None = None
    until: datetime | str | None = None
    chance: float = 1.0
    args: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        place = scope(self.where)
        status = place == "request" and self.kind.isdigit()
        if not status and self.kind not in KINDS[place]:
            raise ValueError(f"a fault at {place} is one of {sorted(KINDS[place])}, was {self.kind!r}")
        if self.commit not in {"before", "after"}:
            raise ValueError(f"commit is before or after, was {self.commit!r}")
        if self.nth < 1 or self.times < 0:
            raise ValueError(f"nth is ≥ 1 and times ≥ 0, were {self.nth} and {self.times}")
        self.at = utc(self.at) if self.at is not None else None
        self.until = utc(self.until) if self.until is not None else None

    def arg(self, name: str, default: Any) -> Any:
        """Return an argument or its default."""
        return self.args.get(name, default)

    def concerns(self, where: str, facts: Mapping[str, Any], now: datetime) -> bool:
        """Whether an occasion is one of those it counts."""
        if self.at is not None and now < utc(self.at):
            return False
        if self.until is not None and now >= utc(self.until):
            return False
        if not fnmatchcase(where, self.where):
            return False
        if any(str(facts.get(name)) != str(value) for name, value in self.match.items()):
            return False
        return self.when is None or bool(self.when(facts))


class Script:
    """The faults of a run, in the order they were added; the same seed draws the same chances."""

    def __init__(self, seed: int = 0) -> None:
        self.faults: list[Fault] = []
        self.random = random.Random(seed)
        self.fired: list[tuple[datetime, str, str]] = []

    def add(self, fault: Fault) -> Fault:
        """Add a fault; it counts from now."""
        self.faults.append(fault)
        return fault

    def clear(self) -> None:
        """Take every fault away."""
        self.faults.clear()

    def take(self, where: str, facts: Mapping[str, Any], now: datetime) -> list[Fault]:
        """Return the faults that strike an occasion."""
        struck = []
        for fault in list(self.faults):
            if scope(fault.where) in {"market", "account", "data"} or not fault.concerns(where, facts, now):
                continue
            fault.seen += 1
            if fault.seen < fault.nth or (fault.times and fault.fired >= fault.times):
                continue
            if fault.chance < 1.0 and self.random.random() >= fault.chance:
                continue
            fault.fired += 1
            self.fired.append((now, where, fault.kind))
            struck.append(fault)
        return struck


def edited(value: Any, changes: Mapping[str, Any]) -> Any:
    """Return JSON with `set` and `drop` applied; a path is keys and indices joined by dots, `*` is all."""
    value = copy.deepcopy(value)
    for path, new in changes.get("set", {}).items():
        _walk(value, path.split("."), partial(_put, new))
    for path in changes.get("drop", ()):
        _walk(value, path.split("."), _pop)
    return value


def _put(new: Any, holder: Any, key: Any) -> None:
    holder[key] = new


def _pop(holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder.pop(key, None)


def _walk(value: Any, path: list[str], act: Callable[[Any, Any], Any]) -> None:
    keys: list[Any]
    if isinstance(value, list):
        keys = list(range(len(value))) if path[0] == "*" else [int(path[0])] if path[0].isdigit() else []
        keys = [k for k in keys if k < len(value)]
    elif isinstance(value, dict):
        keys = list(value) if path[0] == "*" else [path[0]]
    else:
        return
    for key in keys:
        if len(path) == 1:
            act(value, key)
        elif isinstance(value, list) or key in value:
            _walk(value[key], path[1:], act)
