"""Every error that onepath raises on purpose.

One line each: the thing, the rule, the value, the remedy. A command line turns
any of them into that line on stderr and the exit status beside it::

    OnepathError                 1   something failed that was asked for rightly
    ├── OutputError              2   a file or folder cannot be written
    ├── Interrupted              1   stopped by Ctrl-C; what is finished is kept
    ├── Unreachable              1   a broker or vendor that gave no answer in time
    └── UsageError               2   what was asked for cannot be done
        ├── UnknownName          2   symbol, strategy, parameter, feature, metric
        ├── BadValue             2   a value outside its rule
        ├── DataError            2   bars that break a rule: symbol, row, count
        ├── NotEnoughHistory     2   fewer bars than the warm-up or span needs
        ├── BudgetError          2   a chunk that cannot fit the memory budget
        ├── MissingExtra         2   a library that an extra brings is not installed
        ├── ArtifactError        2   a model artifact that is damaged, or of other make
        ├── KeysRefused          2   credentials that are missing, or that the broker does not take
        └── SnapshotMismatch     2   state saved by other kernels or settings
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ArtifactError",
    "BadValue",
    "BudgetError",
    "DataError",
    "Interrupted",
    "KeysRefused",
    "MissingExtra",
    "NotEnoughHistory",
    "OnepathError",
    "OutputError",
    "SnapshotMismatch",
    "UnknownName",
    "Unreachable",
    "UsageError",
]


class OnepathError(Exception):
    """Base of all errors raised on purpose; `exit_status` is what a command returns."""

    exit_status = 1


class OutputError(OnepathError):
    """A file or folder that was asked for cannot be written."""

    exit_status = 2


class Interrupted(OnepathError):
    """Stopped by the user; what was finished is kept and named in the message."""


class Unreachable(OnepathError):
    """A broker or vendor gave no answer that could be read, in the time there was."""


class UsageError(OnepathError):
    """What was asked for cannot be done as asked."""

    exit_status = 2


class BadValue(UsageError):
    """A value outside its rule: "`lookback` must be ≥ 2 for zscore, was 1"."""


class DataError(UsageError):
    """Bars that break a rule of the bar table; names symbol, first bad row and count."""


class NotEnoughHistory(UsageError):
    """Fewer bars than a warm-up or a span needs."""


class BudgetError(UsageError):
    """Work that cannot fit its memory budget even in the smallest chunk."""


class MissingExtra(UsageError):
    """A library that is not installed; names the extra of onepath that brings it."""


class ArtifactError(UsageError):
    """A model artifact that is damaged, incomplete, or was made by other kernels, features or settings."""


class KeysRefused(UsageError):
    """Credentials that are missing, or that the broker does not take."""


class SnapshotMismatch(UsageError):
    """Saved state that other kernels, features or settings have made."""


class UnknownName(UsageError):
    """A name that is in no registry; offers the nearest one that is.

    Parameters
    ----------
    kind : str
        What the name should be of: "strategy", "symbol", "feature" …
    name : str
        The name as given.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name = kind, name
        names = sorted(known)
        by_fold = {n.casefold(): n for n in names}
        near = difflib.get_close_matches(name.casefold(), list(by_fold), n=1, cutoff=0.5)
        if near:
            remedy = f"did you mean {by_fold[near[0]]!r}?"
        elif len(names) <= 12:
            remedy = f"known: {', '.join(names)}"
        else:
            remedy = f"{len(names)} are known, {names[0]!r} to {names[-1]!r}"
        super().__init__(f"unknown {kind} {name!r}; {remedy}")
