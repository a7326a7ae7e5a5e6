"""Terminal tables show what users and files are called, and take none of it for markup."""

from rich.console import Console

from research.report.terminal import comparison


def test_names_are_no_markup():
    console = Console(record=True, width=100)
    console.print(comparison({"BRK[B]": {"trades": 3.0}, "[/red]": {}}, "run on [/b], [red]", ["trades"]))
    text = console.export_text()
    assert all(name in text for name in ("BRK[B]", "[/red]", "run on [/b], [red]"))
