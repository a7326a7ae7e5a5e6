"""The table of the order state machine: every state against every event.

In: nothing. Out: `TABLE[state, event]`, what becomes of the order. It is written out
as a grid so that each pair is somebody's decision and none is a default.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from research.errors import BadValue

__all__ = ["TABLE", "Cell", "Effect", "Event", "State"]


class State(StrEnum):
    """What is known of an order."""

    NEW = "new"  # in the journal; certainly not at the broker
    UNKNOWN = "unknown"  # sent; whether it arrived is not known
    UNCLEAR = "unclear"  # at the broker, in a state that could not be read
    HELD = "held"  # at the broker, waiting for another order
    LIVE = "live"
    PARTIAL = "partial"  # live, some of it executed
    CANCELLING = "cancelling"  # may still be executed
    REPLACING = "replacing"  # may still be executed
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    REJECTED = "rejected"  # the broker took it and then said no
    REFUSED = "refused"  # a definite 4xx: the broker never took it, as far as it said


class Event(StrEnum):
    """What can happen to an order."""

    # Acts of ours, told before they are done.
    SENDING = "sending"
    WITHDRAWN = "withdrawn"  # dropped before it was sent
    CANCEL_SENT = "cancel sent"
    REPLACE_SENT = "replace sent"
    # Answers to our requests.
    DOUBTED = "doubted"  # no answer, or one that is not definite
    REFUSED = "refused"  # a definite 4xx to the order itself
    DUPLICATE = "duplicate"  # 422: its id is taken, probably by itself
    ABSENT = "absent"  # asked for by its id, after the time that it can be under way: not there
    # Reports, by whatever way.
    SEEN_UNCLEAR = "seen unclear"
    SEEN_HELD = "seen held"
    SEEN_LIVE = "seen live"
    SEEN_PARTIAL = "seen partial"
    SEEN_CANCELLING = "seen cancelling"
    SEEN_REPLACING = "seen replacing"
    SEEN_FILLED = "seen filled"
    SEEN_CANCELLED = "seen cancelled"
    SEEN_EXPIRED = "seen expired"
    SEEN_REPLACED = "seen replaced"
    SEEN_REJECTED = "seen rejected"


class Effect(StrEnum):
    """How an event is taken."""

    MOVE = "move"
    STAY = "stay"  # known already, or late
    IF_LATER = "if later"  # a step back: only by a report that is dated after the last
    ALARM = "alarm"  # moves, or stays, and is told: it contradicts what was known
    FORBIDDEN = "forbidden"  # an act of ours that would be a mistake


class Cell(NamedTuple):
    """What an event makes of a state."""

    to: State
    effect: Effect


_WORDS = {
    "unkn": State.UNKNOWN, "uncl": State.UNCLEAR, "held": State.HELD, "live": State.LIVE,
    "part": State.PARTIAL, "cing": State.CANCELLING, "ring": State.REPLACING, "new": State.NEW,
    "fill": State.FILLED, "canc": State.CANCELLED, "expi": State.EXPIRED, "rplc": State.REPLACED,
    "reje": State.REJECTED, "refu": State.REFUSED,
}  # fmt: skip

# A word: go there.  <word: go there if the report is later.  word!: go there and tell.
# .  stay (known or late).  !  stay and tell.  x  forbidden.
_GRID = """
                new   unkn  uncl  held  live  part  cing  ring  fill  canc  expi  rplc  reje  refu
sending         unkn  x     x     x     x     x     x     x     x     x     x     x     x     x
withdrawn       canc  x     x     x     x     x     x     x     x     x     x     x     x     x
cancel_sent     x     .     .     cing  cing  cing  .     cing  .     .     .     .     .     .
replace_sent    x     x     x     ring  ring  ring  x     .     x     x     x     x     x     x
doubted         x     .     .     .     .     .     .     .     .     .     .     .     .     .
refused         x     refu  !     !     !     !     !     !     !     !     !     !     !     .
duplicate       x     .     .     .     .     .     .     .     .     .     .     .     .     unkn!
absent          .     new   !     !     !     !     !     !     !     !     !     !     !     .
seen_unclear    uncl  uncl  .     uncl  uncl  uncl  uncl  uncl  .     .     .     .     .     uncl!
seen_held       held  held  held  .     <held .     <held <held .     .     .     .     .     held!
seen_live       live  live  live  live  .     .     <live <live .     .     .     .     .     live!
seen_partial    part  part  part  part  part  .     <part <part .     .     .     .     .     part!
seen_cancelling cing  cing  cing  cing  cing  cing  .     cing  .     .     .     .     .     cing!
seen_replacing  ring  ring  ring  ring  ring  ring  <ring .     .     .     .     .     .     ring!
seen_filled     fill  fill  fill  fill  fill  fill  fill  fill  .     fill! fill! fill! fill! fill!
seen_cancelled  canc  canc  canc  canc  canc  canc  canc  canc  !     .     !     !     !     canc!
seen_expired    expi  expi  expi  expi  expi  expi  expi  expi  !     !     .     !     !     expi!
seen_replaced   rplc  rplc  rplc  rplc  rplc  rplc  rplc  rplc  !     !     !     .     !     rplc!
seen_rejected   reje  reje  reje  reje  reje  reje  reje  reje  !     !     !     !     .     .
"""


def _cell(state: State, word: str) -> Cell:
    if word == ".":
        return Cell(state, Effect.STAY)
    if word == "x":
        return Cell(state, Effect.FORBIDDEN)
    if word == "!":
        return Cell(state, Effect.ALARM)
    if word.startswith("<"):
        return Cell(_WORDS[word[1:]], Effect.IF_LATER)
    if word.endswith("!"):
        return Cell(_WORDS[word[:-1]], Effect.ALARM)
    return Cell(_WORDS[word], Effect.MOVE)


def _table(grid: str) -> dict[tuple[State, Event], Cell]:
    """Return the grid as a table, of which no pair is missing and none is there twice.

    Raises
    ------
    BadValue
        A row or column too many or too few.
    """
    head, *rows = (line.split() for line in grid.strip().splitlines())
    states = [_WORDS[word] for word in head]
    events = [Event[row[0].upper()] for row in rows]
    if set(states) != set(State) or sorted(events) != sorted(Event):
        raise BadValue("the grid of order states must have every state and every event once; mend the grid")
    return {
        (state, event): _cell(state, word)
        for event, (_, *words) in zip(events, rows, strict=True)
        for state, word in zip(states, words, strict=True)
    }


TABLE = _table(_GRID)
