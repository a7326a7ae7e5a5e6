"""The two websockets: /stream (JSON in binary frames) and /v2/{feed} (msgpack).

The protocol is that of the `websockets` library without its own sockets, so that a connection can stay mute,
repeat itself or break off where the script says.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgpack  # type: ignore[import-untyped]
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from tests.fake_alpaca.faults import Fault, edited
from tests.fake_alpaca.wire import Head, Response, reset

GARBAGE = b"\xc1 this is no message {"
# Who connects sends keys, and this end must not log them either.
QUIET = logging.Logger("fake-stream", level=logging.CRITICAL + 1)  # noqa: LOG001 - it belongs to no family
CHANNELS = {"b": "bars", "u": "updatedBars", "d": "dailyBars", "s": "statuses"}


class Peer:
    """One websocket connection; a thread of its own writes what is put in its queue."""

    def __init__(
        self, sock: socket.socket, head: Head, faults: list[Fault], authorized: Callable[..., bool]
    ) -> None:
        self.sock, self.path, self.faults, self._authorized = sock, head.path, faults, authorized
        self.account = head.path == "/stream"
        self.channels: dict[str, set[str]] = {name: set() for name in CHANNELS.values()}
        self.listening = False
        self.ready = False
        self.mute = self._is("silent")
        self.late: list[tuple[int, bytes]] = []
        self._out: queue.Queue[bytes | None] = queue.Queue()
        self._protocol = ServerProtocol(max_size=None, logger=QUIET)
        self._lock = threading.Lock()
        self._head = head

    def _is(self, kind: str) -> bool:
        return any(fault.kind == kind for fault in self.faults)

    def run(self) -> None:
        """Shake hands and serve until the connection ends."""
        self._protocol.receive_data(self._head.raw)
        for event in self._protocol.events_received():
            if isinstance(event, Handshake):
                self._protocol.send_response(self._protocol.accept(event))
        writer = threading.Thread(target=self._write, daemon=True, name="fake-stream")
        self._flush()
        writer.start()
        if not self.account and not self.mute:
            self.send([{"T": "success", "msg": "connected"}])
        try:
            self._read()
        finally:
            self.ready = self.listening = False
            self._out.put(None)
            writer.join(1.0)

    def _read(self) -> None:
        message = b""
        while data := self.sock.recv(65536):
            with self._lock:
                self._protocol.receive_data(data)
                events = self._protocol.events_received()
            for frame in events:
                if isinstance(frame, Frame) and frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
                    message += frame.data
                    if frame.fin:
                        self._hear(message)
                        message = b""
            if not self.mute:
                self._flush()

    def _hear(self, message: bytes) -> None:
        """Answer one message of the client."""
        if self.mute:
            return
        said: Mapping[str, Any] = json.loads(message) if self.account else msgpack.unpackb(message)
        if self.account:
            self._hear_account(said)
        elif said.get("action") == "auth":
            good = self._authorized(said.get("key"), said.get("secret")) and not self._is("unauthorized")
            self.ready = good
            yes, no = (
                {"T": "success", "msg": "authenticated"},
                {"T": "error", "code": 402, "msg": "auth failed"},
            )
            for _ in range(2 if self._is("repeat") else 1):
                self.send([yes if good else no])
        elif said.get("action") in {"subscribe", "unsubscribe"} and self.ready:
            for name, symbols in self.channels.items():
                change = symbols.update if said["action"] == "subscribe" else symbols.difference_update
                change(said.get(name, ()))
            self.send([{"T": "subscription", **{name: sorted(s) for name, s in self.channels.items()}}])

    def _hear_account(self, said: Mapping[str, Any]) -> None:
        if said.get("action") in {"authenticate", "auth"}:
            if self._is("hang_up"):
                self.cut()
                return
            if self._is("babble"):
                self._put(GARBAGE)
                return
            data = said.get("data", said)
            key, secret = data.get("key_id", data.get("key")), data.get("secret_key", data.get("secret"))
            self.ready = self._authorized(key, secret) and not self._is("unauthorized")
            status = "authorized" if self.ready else "unauthorized"
            for _ in range(2 if self._is("repeat") else 1):
                self.send({"stream": "authorization", "data": {"status": status, "action": "authenticate"}})
        elif said.get("action") == "listen" and self.ready:
            streams = said.get("data", {}).get("streams", [])
            self.listening = "trade_updates" in streams
            self.send({"stream": "listening", "data": {"streams": streams}})

    def send(self, value: Any) -> None:
        """Say something; what was to come late comes when its turn is over."""
        self._put(json.dumps(value).encode() if self.account else msgpack.packb(value, datetime=True))
        due = [data for turns, data in self.late if turns <= 1]
        self.late = [(turns - 1, data) for turns, data in self.late if turns > 1]
        for data in due:
            self._put(data)

    def publish(self, value: Any, faults: list[Fault]) -> None:
        """Say something that the script may spoil."""
        if self.mute:
            return
        copies = 1
        for fault in faults:
            if fault.kind == "disconnect":
                self.cut()
                return
            if fault.kind == "mute":
                self.mute = True
                return
            if fault.kind == "drop":
                return
            if fault.kind == "garbage":
                self._put(GARBAGE)
                return
            if fault.kind == "duplicate":
                copies = int(fault.arg("copies", 2))
            if fault.kind == "edit":
                value = edited(value, fault.args)
            if fault.kind == "late":
                data = json.dumps(value).encode() if self.account else msgpack.packb(value, datetime=True)
                self.late.append((int(fault.arg("messages", 1)), data))
                return
        for _ in range(copies):
            self.send(value)

    def wants(self, kind: str, symbol: str) -> bool:
        """Whether it subscribed to a kind of market data of a symbol."""
        symbols = self.channels[CHANNELS[kind]]
        return self.ready and (symbol in symbols or "*" in symbols)

    def _put(self, data: bytes) -> None:
        self._out.put(data)

    def cut(self) -> None:
        """Break the connection off without a closing handshake."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def _write(self) -> None:
        while (data := self._out.get()) is not None:
            with contextlib.suppress(Exception), self._lock:  # a peer that has gone is not our concern
                self._protocol.send_binary(data)
            self._flush()

    def _flush(self) -> None:
        with self._lock, contextlib.suppress(OSError):
            for data in self._protocol.data_to_send():
                if data:
                    self.sock.sendall(data)
                else:  # the protocol's word for "I have said my last"
                    self.sock.shutdown(socket.SHUT_WR)


class Hub:
    """All peers."""

    def __init__(
        self, take: Callable[[str, Mapping[str, Any]], list[Fault]], authorized: Callable[..., bool]
    ) -> None:
        self.peers: list[Peer] = []
        self._take, self._authorized = take, authorized

    def serve(self, sock: socket.socket, head: Head, stop: threading.Event) -> None:
        """Serve one connection from its handshake on."""
        faults = self._take(f"connect:{head.path}", {})
        for fault in faults:
            if fault.kind == "reset":
                reset(sock)
                return
            if fault.kind == "mute":
                stop.wait(fault.arg("seconds", 0.0) or None)
                return
            if fault.kind == "elsewhere":
                sock.sendall(Response(302, "", {"Location": fault.args["to"]}).to_bytes())
                return
        peer = Peer(sock, head, faults, self._authorized)
        self.peers.append(peer)
        try:
            peer.run()
        finally:
            self.peers.remove(peer)

    def update(self, update: Mapping[str, Any]) -> None:
        """Tell who listens of an order's event."""
        order = update["order"]
        facts = {
            "event": update["event"],
            **{k: order[k] for k in ("symbol", "client_order_id", "status", "id")},
        }
        for peer in [p for p in list(self.peers) if p.account and p.listening]:
            faults = self._take("stream:trade_updates", facts)
            peer.publish({"stream": "trade_updates", "data": dict(update)}, faults)

    def bar(self, kind: str, symbol: str, row: Mapping[str, Any], at: datetime) -> None:
        """Tell who subscribed of a bar: b (minute), u (corrected), d (daily)."""
        for peer in [p for p in list(self.peers) if not p.account and p.wants(kind, symbol)]:
            faults = self._take("stream:bars", {"symbol": symbol, "kind": kind})
            peer.publish([{"T": kind, "S": symbol, **row, "t": at}], faults)

    def status(self, symbol: str, row: Mapping[str, Any]) -> None:
        """Tell who subscribed that a symbol is halted or trades again."""
        for peer in [p for p in list(self.peers) if not p.account and p.wants("s", symbol)]:
            peer.publish(
                [{"T": "s", "S": symbol, **row}], self._take("stream:bars", {"symbol": symbol, "kind": "s"})
            )

    def cut(self) -> None:
        """Break every websocket off."""
        for peer in list(self.peers):
            peer.cut()
