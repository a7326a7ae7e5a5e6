"""The table of order states, pair by pair, against the laws that it is written from."""

import pytest

from live import transitions
from live.transitions import TABLE, Cell, Effect, Event, State
from research.errors import BadValue

S, E = State, Event
BROKERS_ENDS = {S.FILLED, S.CANCELLED, S.EXPIRED, S.REPLACED, S.REJECTED}
AT_BROKER = [S.HELD, S.LIVE, S.PARTIAL, S.CANCELLING, S.REPLACING]
# A report of the left leads to the state of the right wherever it leads anywhere.
SHOWS = {
    E.SEEN_UNCLEAR: S.UNCLEAR, E.SEEN_HELD: S.HELD, E.SEEN_LIVE: S.LIVE, E.SEEN_PARTIAL: S.PARTIAL,
    E.SEEN_CANCELLING: S.CANCELLING, E.SEEN_REPLACING: S.REPLACING, E.SEEN_FILLED: S.FILLED,
    E.SEEN_CANCELLED: S.CANCELLED, E.SEEN_EXPIRED: S.EXPIRED, E.SEEN_REPLACED: S.REPLACED,
    E.SEEN_REJECTED: S.REJECTED,
}  # fmt: skip
# How far along an order is; a report of something less far is a step back.
RANK = {
    S.NEW: 0,
    S.UNKNOWN: 0,
    S.UNCLEAR: 0,
    S.HELD: 1,
    S.LIVE: 2,
    S.PARTIAL: 3,
    S.REPLACING: 4,
    S.CANCELLING: 5,
}


def report_cell(state, event):
    """Derive a report's cell from the laws."""
    shown = SHOWS[event]
    stay, end = Cell(state, Effect.STAY), shown in BROKERS_ENDS
    if state is shown:
        return stay
    if state in BROKERS_ENDS:  # an end is an end; executed shares alone go beyond it
        if not end:
            return stay
        return Cell(S.FILLED if shown is S.FILLED else state, Effect.ALARM)
    if state is S.REFUSED:  # it never arrived, we had been told
        return stay if shown is S.REJECTED else Cell(shown, Effect.ALARM)
    if end or shown is S.UNCLEAR or RANK[shown] > RANK[state]:
        return Cell(shown, Effect.MOVE)
    if state is S.PARTIAL:  # what is executed stays executed
        return stay
    return Cell(shown, Effect.IF_LATER)


def act_cell(state, event):
    """Derive the cell of an act or an answer from the laws."""
    stay, forbidden, alarm = (Cell(state, e) for e in (Effect.STAY, Effect.FORBIDDEN, Effect.ALARM))
    never_sent = state is S.NEW
    match event:
        case E.SENDING:
            return Cell(S.UNKNOWN, Effect.MOVE) if never_sent else forbidden
        case E.WITHDRAWN:
            return Cell(S.CANCELLED, Effect.MOVE) if never_sent else forbidden
        case E.CANCEL_SENT:
            cancels = state in AT_BROKER and state is not S.CANCELLING
            return forbidden if never_sent else Cell(S.CANCELLING, Effect.MOVE) if cancels else stay
        case E.REPLACE_SENT:
            if state is S.REPLACING:
                return stay
            return Cell(S.REPLACING, Effect.MOVE) if state in {S.HELD, S.LIVE, S.PARTIAL} else forbidden
        case E.DOUBTED:
            return forbidden if never_sent else stay
        case E.REFUSED:
            if never_sent:
                return forbidden
            if state is S.UNKNOWN:
                return Cell(S.REFUSED, Effect.MOVE)
            return stay if state is S.REFUSED else alarm
        case E.DUPLICATE:
            # Its id is taken: whoever had been told that it was refused must ask again.
            doubt = Cell(S.UNKNOWN, Effect.ALARM)
            return forbidden if never_sent else doubt if state is S.REFUSED else stay
        case E.ABSENT:
            if state is S.UNKNOWN:
                return Cell(S.NEW, Effect.MOVE)
            return stay if state in {S.NEW, S.REFUSED} else alarm


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_pair(state, event):
    wanted = report_cell(state, event) if event in SHOWS else act_cell(state, event)
    assert TABLE[state, event] == wanted


def test_the_table_is_the_grid():
    """Built again, it is the same: so that a fault planted in the building is seen by every pair above."""
    again = transitions._table(transitions._GRID)
    assert again == {
        (s, e): report_cell(s, e) if e in SHOWS else act_cell(s, e) for s in State for e in Event
    }  # fmt: skip


def test_every_pair_is_decided():
    assert len(TABLE) == len(State) * len(Event) == 14 * 19


def test_no_event_but_sending_leads_to_a_second_sending():
    """Only an order that is known not to have arrived may be sent, and only that makes it new again."""
    assert {pair for pair, cell in TABLE.items() if cell.to is S.NEW and pair[0] is not S.NEW} == {
        (S.UNKNOWN, E.ABSENT)
    }
    sending = {s for s in State if TABLE[s, E.SENDING].effect is not Effect.FORBIDDEN}
    assert sending == {S.NEW}


@pytest.mark.parametrize("grid", [
    "new\nsending x",
    transitions._GRID.replace("seen_rejected", "seen_expired"),
    transitions._GRID.replace("refu\n", "reje\n", 1),
])  # fmt: skip
def test_a_grid_with_a_gap_is_refused(grid):
    with pytest.raises(
        BadValue, match=r"^the grid .* must have every state and every event once; mend the grid$"
    ):
        transitions._table(grid)


def test_a_row_with_a_word_too_few_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        transitions._table(transitions._GRID.replace("seen_held       held  held", "seen_held       held"))
