"""Terminal tables show what users and files are called, and take none of it for markup."""

from rich.console import Console

from research.report.terminal import comparison, notes_of
from research.request import Request


def test_names_are_no_markup():
    console = Console(record=True, width=100)
    console.print(comparison({"BRK[B]": {"trades": 3.0}, "[/red]": {}}, "run on [/b], [red]", ["trades"]))
    text = console.export_text()
    assert all(name in text for name in ("BRK[B]", "[/red]", "run on [/b], [red]"))


class Noted:
    """As much of a result as its notes need."""

    def __init__(self, name, *notes):
        self.request, self.notes = Request(name), notes


def test_a_note_is_told_once_with_those_whom_it_is_about():
    results = [Noted("ma_crossover", "short", "biased"), Noted("ml_driven", "long", "biased")]
    assert notes_of(results) == ["ma_crossover: short", "biased", "ml_driven: long"]  # type: ignore[arg-type]
    assert notes_of(results[:1]) == ["short", "biased"]  # type: ignore[arg-type]
