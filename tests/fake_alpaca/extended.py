"""Bars before the open and after the close, as the data host has them among those of the session.

In: a symbol's intraday bars, the calendar. Out: the same with one for each interval from 4:00 to the open
and for four hours after the close. Their prices are far from the session's, so that whoever takes one in
shows it. Nothing trades at them here: fills come from the tape alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from tests.fake_alpaca.sessions import Calendar, Session, eastern
from tests.fake_alpaca.tape import Bar

BEFORE, AFTER = 1.03, 0.97  # of the session's first open and last close
EVENING = timedelta(hours=4)


def with_extended(bars: list[Bar], calendar: Calendar, interval: timedelta) -> list[Bar]:
    """Return a symbol's bars with those outside its sessions between them, oldest first."""
    days = calendar.between(bars[0].begin.date(), bars[-1].end.date())
    made: list[Bar] = []
    for day in days:
        inside = [bar for bar in bars if day.open <= bar.begin < day.close]
        if inside:
            made += _of_day(day, inside, interval)
    return sorted([*bars, *made], key=lambda bar: bar.begin)


def _of_day(day: Session, inside: list[Bar], interval: timedelta) -> Iterator[Bar]:
    spans = (
        (eastern(day.date, "04:00"), day.open, inside[0], inside[0].open * BEFORE),
        (day.close, day.close + EVENING, inside[-1], inside[-1].close * AFTER),
    )
    for begin, end, like, price in spans:
        at = begin
        while at + interval <= end:
            p = round(price, 2)
            yield replace(
                like, begin=at, end=at + interval, label=at, open=p, high=p, low=p, close=p, volume=77.0
            )
            at += interval
