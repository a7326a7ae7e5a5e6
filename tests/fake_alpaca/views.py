"""What clients are shown of the bars: adjusted, aggregated, late, wrong or missing, as the script has it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.fake_alpaca.clock import utc
from tests.fake_alpaca.extended import with_extended
from tests.fake_alpaca.faults import Fault, Script, scope
from tests.fake_alpaca.sessions import EASTERN
from tests.fake_alpaca.settings import Refused
from tests.fake_alpaca.spelling import stamp
from tests.fake_alpaca.tape import Bar, Tape

FIELDS = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
INTRADAY = re.compile(r"\d+(Min|T|Hour|H)$")
FRAME = re.compile(r"(\d+)(Min|T|Hour|H|Day|D|Week|W|Month|M)$")


def spelled(bar: Bar, scale: float = 1.0) -> dict[str, Any]:
    """Return a bar as the API spells it; prices times `scale`, volume divided."""
    o, h, lo, c = (price * scale for price in (bar.open, bar.high, bar.low, bar.close))
    return {
        "t": stamp(bar.label),
        "o": o,
        "h": h,
        "l": lo,
        "c": c,
        "v": bar.volume,
        "n": max(1, int(bar.volume // 100)),
        "vw": (h + lo + c) / 3.0,
    }


class View:
    """The tape seen through the script's faults of `data`."""

    def __init__(self, tape: Tape, script: Script, *, forming: bool, extended: bool = False) -> None:
        self.tape, self.script, self.forming = tape, script, forming
        self.extended = extended and not tape.daily
        self._shown: dict[str, tuple[list[Bar], list[datetime]]] = {}
        self._spelled: dict[tuple[str, datetime, float], dict[str, Any]] = {}

    def bars(
        self, symbol: str, now: datetime, frame: str, adjustment: str, since: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return what a client sees of a symbol at an instant, oldest first, from about `since` on."""
        if not FRAME.match(frame):
            raise Refused(400, 40010001, f"invalid timeframe: {frame}")
        if symbol not in self.tape.bars:
            return []
        known = self._known(symbol, now, frame)
        if self.forming and self.tape.daily and (now_forming := self.tape.forming(symbol, now)):
            o = now_forming.open  # what is known of a running session is its open
            known.append(replace(now_forming, high=o, low=o, close=o, volume=0.0))
        if not known:
            return []
        faults = [f for f in self.script.faults if scope(f.where) == "data"]
        if any(f.kind == "unadjusted" and self.concerned(f, known[-1], now) for f in faults):
            adjustment = "raw"
        rows: list[dict[str, Any]] = []
        framed = _framed(known, frame, self.tape)
        native = framed is known
        if since is not None:
            # Some more where a fault may have changed their times.
            margin = timedelta(days=2 if any(_moves(fault) for fault in faults) else 0)
            framed = framed[bisect_left(framed, since - margin, key=lambda bar: bar.label) :]
        for bar in framed:
            scale = _scale(bar, known[-1], adjustment)
            row = self._row(bar, scale) if native and bar.end <= now else spelled(bar, scale)
            rows += self.seen(bar, row, now, faults)
        return rows

    def _known(self, symbol: str, now: datetime, frame: str) -> list[Bar]:
        """Return the bars that are complete; days and what is longer are of the sessions alone."""
        if not self.extended or INTRADAY.match(frame) is None:
            return self.tape.known(symbol, now)
        if symbol not in self._shown:
            shown = with_extended(self.tape.bars[symbol], self.tape.calendar, self.tape.interval)
            self._shown[symbol] = shown, [bar.end for bar in shown]
        shown, ends = self._shown[symbol]
        return shown[: bisect_right(ends, now)]

    def _row(self, bar: Bar, scale: float) -> dict[str, Any]:
        """Return a bar of the tape as the API spells it, spelled once."""
        key = (bar.symbol, bar.label, scale)
        if key not in self._spelled:
            self._spelled[key] = spelled(bar, scale)
        return dict(self._spelled[key])

    def seen(
        self, bar: Bar, row: dict[str, Any], now: datetime, faults: Iterable[Fault]
    ) -> list[dict[str, Any]]:
        """Return the rows that a client sees in place of one: none, one, or two."""
        rows = [row]
        for fault in faults:
            if not self.concerned(fault, bar, now):
                continue
            fault.fired += 1
            if fault.kind in {"missing", "stale"}:
                return []
            for one in rows:
                _spoil(fault, one, bar, now)
            if fault.kind == "repeat":
                rows = [*rows, *map(dict, rows)]
        return rows

    @staticmethod
    def concerned(fault: Fault, bar: Bar, now: datetime) -> bool:
        """Whether a fault concerns a bar: `at` is its end (the first end for stale), `match` its symbol."""
        if fault.match.get("symbol", bar.symbol) != bar.symbol:
            return False
        if fault.kind == "stale":
            hidden = fault.at is None or bar.end >= utc(fault.at)
            return hidden and (fault.until is None or now < utc(fault.until))
        inside = fault.at is None or utc(fault.at) <= bar.end
        last = fault.until if fault.until is not None else fault.at
        inside = inside and (last is None or bar.end <= utc(last))
        return inside and (fault.when is None or bool(fault.when({"symbol": bar.symbol, "end": bar.end})))


def _moves(fault: Fault) -> bool:
    """Whether a fault may change a bar's time."""
    return fault.kind in {"shift", "naive"} or "t" in fault.arg("set", {})


def _spoil(fault: Fault, row: dict[str, Any], bar: Bar, now: datetime) -> None:
    if fault.kind == "scale":
        for name in ("o", "h", "l", "c", "vw"):
            row[name] *= fault.arg("factor", 10.0)
    elif fault.kind == "set":
        row |= fault.arg("set", {})
    elif fault.kind == "revise":
        if now < bar.end + timedelta(seconds=fault.arg("seconds", 60.0)):
            row |= fault.arg("set", {})
    elif fault.kind == "shift":
        row["t"] = stamp(bar.label + timedelta(hours=fault.arg("hours", 5.0)))
    elif fault.kind == "naive":
        row["t"] = bar.label.replace(tzinfo=None).isoformat()


def _scale(bar: Bar, last: Bar, adjustment: str) -> float:
    """Return what a price is multiplied by: 1 for the last bar, so every later action changes the past."""
    whole, split = bar.factor / last.factor, bar.split_factor / last.split_factor
    return {"raw": 1.0, "split": split, "dividend": whole / split, "all": whole}[adjustment]


def _framed(bars: list[Bar], frame: str, tape: Tape) -> list[Bar]:
    """Return bars of a timeframe; a coarser one is put together, a finer one is not there."""
    match = FRAME.match(frame)
    assert match is not None
    count, unit = int(match[1]), match[2][0] if match[2] != "Min" else "T"
    minutes = {"T": count, "H": 60 * count}.get(unit)
    if minutes is not None and timedelta(minutes=minutes) == tape.interval:
        return bars
    if unit == "D" and tape.daily:
        return bars
    if minutes is not None and timedelta(minutes=minutes) < tape.interval:
        return []
    groups: dict[datetime, list[Bar]] = {}
    for bar in bars:
        groups.setdefault(_edge(bar, minutes, unit), []).append(bar)
    return [
        replace(
            group[-1],
            begin=group[0].begin,
            label=label,
            open=group[0].open,
            high=max(b.high for b in group),
            low=min(b.low for b in group),
            volume=sum(b.volume for b in group),
        )
        for label, group in groups.items()
    ]


def _edge(bar: Bar, minutes: int | None, unit: str) -> datetime:
    """Return the label of the coarser bar that a bar belongs to."""
    if minutes is not None:
        passed = bar.begin.hour * 60 + bar.begin.minute
        return bar.begin.replace(hour=0, minute=0, second=0) + timedelta(minutes=passed // minutes * minutes)
    midnight = bar.begin.astimezone(EASTERN).replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "W":
        midnight -= timedelta(days=midnight.weekday())
    if unit == "M":
        midnight = midnight.replace(day=1)
    return utc(midnight)
