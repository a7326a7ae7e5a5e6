"""How the API spells numbers and instants: money and shares as strings, instants as RFC 3339."""

from __future__ import annotations

from datetime import datetime


def text(value: float | None, decimals: int = 9) -> str | None:
    """Return the shortest string that reads back as the number; None stays None."""
    if value is None:
        return None
    rounded = round(value, decimals) if decimals < 9 else value
    return str(int(rounded)) if rounded == int(rounded) and abs(rounded) < 1e15 else repr(float(rounded))


def shares(value: float) -> str:
    """Return a quantity with at most nine decimals."""
    spelled = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if spelled in {"-0", ""} else spelled


def stamp(instant: datetime | None) -> str | None:
    """Return an instant as the API writes it; None stays None."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
