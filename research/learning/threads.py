"""The models of an ensemble at work side by side.

Each does its work in a thread of its own, on one core, so that the number of cores does not change a bit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["side_by_side"]

Told = TypeVar("Told")


def side_by_side(work: Callable[[int], Told], count: int, jobs: int) -> list[Told]:
    """Do some work for each of several models.

    Parameters
    ----------
    work : callable
        ``(k) -> what it has to tell``, for k in 0 … count − 1.
    count : int
    jobs : int
        Threads; 1 does the work here, one after another.

    Returns
    -------
    list
        What each told, in order. What one of them raises is raised here.

    Examples
    --------
    >>> side_by_side(lambda k: k * k, 3, jobs=2)
    [0, 1, 4]
    """
    if jobs == 1 or count < 2:
        return [work(k) for k in range(count)]
    with ThreadPoolExecutor(min(jobs, count)) as pool:
        return list(pool.map(work, range(count)))
