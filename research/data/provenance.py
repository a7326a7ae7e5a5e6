"""What the bars of a store are, and up to when they were asked for: a small file beside them.

In: the folder of a `BarStore`. Out: the interval, feed, adjustment and server that all of its bars have, and
by symbol the span that a vendor has been asked about, which may be longer than the bars it had. Bars of two
lengths, feeds or servers in one series would be read as one market by all that follows, so a mix is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import platformdirs

from research.errors import BadValue, DataError
from research.files import replacing

__all__ = ["Origin", "Provenance", "usual_folder"]

_FILE = "store.json"


@dataclass(frozen=True)
class Origin:
    """What the bars of a store are, in the vendor's words.

    Attributes
    ----------
    interval : str
        Such as "1Day".
    feed : str
        Whose trades they are of.
    adjustment : str
        What `adj_factor` is made of; "all" is splits and dividends.
    host : str or None
        A broker on this machine in Alpaca's place, such as "127.0.0.1:8765": its bars may be anything. None,
        as where nothing is written of it: Alpaca's own.
    """

    interval: str
    feed: str
    adjustment: str = "all"
    host: str | None = None

    def __str__(self) -> str:
        whose = f" from {self.host}" if self.host else ""
        return f"{self.interval} bars of feed {self.feed} with adjustment {self.adjustment}{whose}"


def usual_folder(origin: Origin) -> Path:
    """Return where such bars are kept if nobody says otherwise: a store in the user's data folder.

    Examples
    --------
    >>> (
    ...     usual_folder(Origin("1Day", "iex")).name,
    ...     usual_folder(Origin("1Day", "iex", host="localhost:80")).name,
    ... )
    ('iex-1Day', 'iex-1Day-localhost-80')
    """
    # Not every system takes a colon in a file's name.
    place = "" if origin.host is None else "-" + re.sub("[^a-z0-9.]+", "-", origin.host).strip("-")
    return platformdirs.user_data_path("onepath") / "bars" / f"{origin.feed}-{origin.interval}{place}"


class Provenance:
    """The origin of a store's bars and what was asked for.

    Parameters
    ----------
    folder : Path
        The store's.

    Raises
    ------
    DataError
        The file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Provenance(Path(folder)).claim(Origin("1Day", "iex"))
    ...     Provenance(Path(folder)).origin
    Origin(interval='1Day', feed='iex', adjustment='all', host=None)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.origin: Origin | None = None
        self._asked: dict[str, tuple[date, datetime]] = {}
        file = folder / _FILE
        if not file.exists():
            return
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            self.origin = Origin(**told["bars"])
            self._asked = {
                name: (date.fromisoformat(first), datetime.fromisoformat(until))
                for name, (first, until) in told["asked"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
            raise DataError(
                f"{file} is damaged ({type(problem).__name__}), and it says what the bars beside it are; "
                "restore it, or fetch into another folder"
            ) from problem

    def require(self, origin: Origin) -> None:
        """Refuse other bars than the store holds, or any where it is not written what it holds.

        Raises
        ------
        BadValue
        """
        if self.origin is None and any(self._folder.glob("*.parquet")):
            raise BadValue(
                f"{self._folder} holds bars, and of what interval and feed is not written; asked for are "
                f"{origin}; name another folder (--out)"
            )
        if self.origin not in (None, origin):
            raise BadValue(
                f"{self._folder} holds {self.origin}, asked for are {origin}; name another folder (--out)"
            )

    def claim(self, origin: Origin) -> None:
        """Write what the bars are that will be written, if it is not yet; else as `require`."""
        self.require(origin)
        if self.origin is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self.origin = origin
            self._write()

    def asked(self, symbol: str) -> tuple[date, datetime] | None:
        """Return the first day and the instant between which a symbol was asked for; None: never."""
        return self._asked.get(symbol)

    def note(self, symbol: str, first: date, until: datetime) -> None:
        """Note that a symbol's bars from a day to an instant are all written."""
        self._asked[symbol] = (first, until)
        self._write()

    def _write(self) -> None:
        assert self.origin is not None, "claimed first"
        asked = {name: (first.isoformat(), until.isoformat()) for name, (first, until) in self._asked.items()}
        with replacing(self._folder / _FILE) as temporary:
            temporary.write_text(json.dumps({"bars": asdict(self.origin), "asked": asked}, indent=1), "utf-8")
