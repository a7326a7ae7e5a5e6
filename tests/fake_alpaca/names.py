"""Faults of name resolution. They are the client's side of the network, so they patch this process."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any, Self


class Names:
    """Let a host name mean this machine, fail, or never answer, while the context lasts.

    Parameters
    ----------
    host : str
        The name that is watched; every other is resolved as ever.
    mode : {"good", "fail", "black_hole"}
        May be set at any time: an address, an error at once, or silence for `seconds` and then the error.
    seconds : float
        How long the silence lasts; leaving the context or `mode = "good"` ends it earlier.
    """

    def __init__(self, host: str = "api.fake-alpaca.test", mode: str = "good", seconds: float = 60.0) -> None:
        self.host, self.seconds, self.asked = host, seconds, 0
        self._wake = threading.Event()
        self._mode = mode
        self._true = socket.getaddrinfo

    @property
    def mode(self) -> str:
        """What the name means now."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self._mode = mode
        self._wake.set()
        self._wake = threading.Event()

    def __enter__(self) -> Self:
        socket.getaddrinfo = self._ask
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        socket.getaddrinfo = self._true
        self._wake.set()

    def _ask(self, host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != self.host:
            return self._true(host, port, *arguments, **more)
        self.asked += 1
        if self._mode == "black_hole":
            self._wake.wait(self.seconds)
        if self._mode != "good":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._true("127.0.0.1", port, *arguments, **more)
