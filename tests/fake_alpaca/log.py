"""Every request that reached the server, for tests to count. Secrets are not kept."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any


@dataclass
class Call:
    """One request and what became of it.

    `status` is None if a fault answered; `committed` says whether the broker acted; `reply` is what it meant
    to say, whatever a fault made of it.
    """

    number: int
    at: datetime  # fake time
    wall: float  # time.monotonic()
    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int | None = None
    committed: bool = False
    faults: tuple[str, ...] = ()
    reply: Any = None

    @property
    def route(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    @property
    def made(self) -> str | None:
        """The client_order_id of the order that it made, if it made one."""
        if not (self.committed and self.route == "POST /v2/orders" and isinstance(self.reply, dict)):
            return None
        return self.reply.get("client_order_id")


@dataclass
class Log:
    """All calls in the order they came."""

    calls: list[Call] = field(default_factory=list)
    connections: Counter[str] = field(default_factory=Counter)  # websockets opened, by path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **fields: Any) -> Call:
        """Write down a request."""
        with self._lock:
            call = Call(number=len(self.calls), **fields)
            self.calls.append(call)
            return call

    def of(self, route: str) -> list[Call]:
        """Return the calls of a route such as "POST /v2/orders" or "GET /v2/*"."""
        return [call for call in list(self.calls) if fnmatchcase(call.route, route)]

    def count(self, route: str) -> int:
        """Return how often a route was called."""
        return len(self.of(route))

    @property
    def posts(self) -> Counter[str]:
        """How often each client_order_id was sent by POST /v2/orders, whatever became of it."""
        sent = self.of("POST /v2/orders")
        return Counter(str((c.body or {}).get("client_order_id")) for c in sent if isinstance(c.body, dict))

    @property
    def accepted(self) -> Counter[str]:
        """How often each client_order_id was made an order; more than once is impossible."""
        return Counter(name for call in list(self.calls) if (name := call.made) is not None)
