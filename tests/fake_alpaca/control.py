"""The control port: move the clock, set a price, add faults, look at the state, from another process.

======================  ==========================================================================
`GET /state`            now, cash, equity, positions, open orders, posts by client id, faults fired
`GET /log`              every request: fake time, route, body, status, faults
`POST /advance`         {"to": ISO instant} or {"seconds": n}
`POST /step`            {"n": 1}: to the next instant at which anything happens
`POST /price`           {"symbol": s, "price": p}: the market trades there now
`POST /fault`           a fault: {"where": …, "kind": …, "nth": …, …}
`POST /faults/clear`    no fault any more
`POST /seed`            {"seed": n}: of the script's chances from here on
======================  ==========================================================================
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from tests.fake_alpaca import mischief
from tests.fake_alpaca.listener import Listener
from tests.fake_alpaca.spelling import stamp
from tests.fake_alpaca.wire import Reader, Response, read

if TYPE_CHECKING:
    from tests.fake_alpaca.server import FakeAlpaca


class Control:
    """A second port that is never at fault."""

    def __init__(self, fake: FakeAlpaca, port: int = 0) -> None:
        self.fake = fake
        self.listener = Listener(self._serve, port)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.listener.port}"

    def close(self) -> None:
        """Stop listening."""
        self.listener.close()

    def _serve(self, sock: socket.socket) -> None:
        stream = Reader(sock)
        while (head := read(stream)) is not None:
            said = head.json() or {}
            try:
                with self.fake.lock:
                    answer = Response.of(200, self._do(f"{head.method} {head.path}", said))
            except (ValueError, KeyError, TypeError) as wrong:
                answer = Response.of(400, {"message": f"{type(wrong).__name__}: {wrong}"})
            sock.sendall(answer.to_bytes())

    def _do(self, what: str, said: dict[str, Any]) -> Any:
        fake = self.fake
        if what == "POST /advance":
            if "to" in said:
                fake.advance_to(said["to"])
            else:
                fake.advance(seconds=float(said["seconds"]))
        elif what == "POST /step":
            for _ in range(int(said.get("n", 1))):
                fake.step()
        elif what == "POST /price":
            fake.tick(said["symbol"], float(said["price"]))
        elif what == "POST /fault":
            fake.fault(**said)
        elif what == "POST /faults/clear":
            fake.script.clear()
        elif what == "POST /seed":
            fake.script.random.seed(said["seed"])
        elif what == "GET /log":
            rows = [(stamp(c.at), c.route, c.query, c.body, c.status, c.faults) for c in list(fake.log.calls)]
            names = ("at", "route", "query", "body", "status", "faults")
            return [dict(zip(names, row, strict=True)) for row in rows]
        elif what != "GET /state":
            raise ValueError(f"no such command: {what}")
        return mischief.described(fake)
