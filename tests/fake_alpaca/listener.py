"""The door: a port that can be shut (refused), or swallow connections (a black hole), and opened again."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable


class Listener:
    """Accepts connections on a loopback port, each in a thread of its own.

    Parameters
    ----------
    serve : callable
        Given the socket of each connection.
    port : int
        0 takes a free one, kept for good.
    """

    def __init__(self, serve: Callable[[socket.socket], None], port: int = 0) -> None:
        self._serve = serve
        self._lock = threading.RLock()
        self._stopping = False
        self._open: set[socket.socket] = set()
        self._plugs: list[socket.socket] = []
        self._door: socket.socket | None = None
        self._listen(port)
        self._threads: list[threading.Thread] = []

    def _listen(self, port: int, backlog: int = 128) -> socket.socket:
        door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(backlog)
        self.port = door.getsockname()[1]
        self._door = door
        if backlog:
            threading.Thread(target=self._accept, args=(door,), daemon=True, name="fake-accept").start()
        return door

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                sock, _ = door.accept()
            except OSError:
                return
            with self._lock:
                if self._stopping or door is not self._door:
                    sock.close()
                    continue
                self._open.add(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._run, args=(sock,), daemon=True, name="fake-serve").start()

    def _run(self, sock: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                self._serve(sock)
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def shut(self) -> None:
        """Refuse connections from now on; those that exist are cut."""
        with self._lock:
            self._close_door()
            self._cut()

    def swallow(self) -> None:
        """Answer nothing to who connects: the queue of connections is full, and the kernel drops the rest."""
        with self._lock:
            self._close_door()
            self._cut()
            self._listen(self.port, backlog=0)
            for _ in range(4):
                plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                plug.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    plug.connect(("127.0.0.1", self.port))
                self._plugs.append(plug)

    def reopen(self) -> None:
        """Listen again on the same port."""
        with self._lock:
            if self._stopping:
                return
            self._close_door()
            self._listen(self.port)

    def away(self, how: Callable[[], None], seconds: float) -> None:
        """Go away for some real seconds."""
        how()
        timer = threading.Timer(seconds, self.reopen)
        timer.daemon = True
        timer.start()

    def cut(self) -> None:
        """Cut every connection that exists."""
        with self._lock:
            self._cut()

    def close(self) -> None:
        """Stop for good."""
        with self._lock:
            self._stopping = True
            self._close_door()
            self._cut()
        until = time.monotonic() + 1.0
        while self._open and time.monotonic() < until:
            time.sleep(0.005)

    def _close_door(self) -> None:
        if self._door is not None:
            with contextlib.suppress(OSError):
                self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
            self._door = None
        for plug in self._plugs:
            plug.close()
        self._plugs.clear()

    def _cut(self) -> None:
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
