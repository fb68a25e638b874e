"""A name server of our own, and a machine of our own around it: a process whose system asks nobody else.

    with NameServer({"good.test": ["93.184.215.14"]}) as server: ...

Each name has answers that are given in turn, the last one for ever: that is how a name is bound again behind somebody's back.
"""

import json
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from services.dispatcher.channels import About, Message, Undelivered, WebhookSettings
from services.dispatcher.channels.webhook import Webhook

ROOT = Path(__file__).parent.parent
KINDS = {1: 4, 28: 6}
"""Record types A and AAAA, and the IP version of what they hold."""

PUBLIC = "93.184.215.14"
OURS = (PUBLIC, "10.0.0.1", "169.254.169.254", "100.64.0.1", "fd00:ec2::254")
"""Addresses at which a careless sender would really find somebody."""

Answers = Mapping[str, Sequence[Sequence[str]]]


class NameServer(socketserver.ThreadingUDPServer):
    """`asked`: how often each (name, type) was asked for."""

    def __init__(self, answers: Answers, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), socketserver.BaseRequestHandler)
        self.answers = answers
        self.asked: Counter[tuple[str, int]] = Counter()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        packet, sock = request
        name, end = _name(packet)
        kind = struct.unpack_from("!H", packet, end)[0]
        found = [ip_address(text) for text in self._answer(name, kind)] if name in self.answers else None
        records = [address for address in found or () if address.version == KINDS.get(kind)]
        flags = 0x8400 if found is not None else 0x8403
        head = packet[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0)
        rows = (struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(each.packed)) + each.packed for each in records)
        sock.sendto(head + packet[12 : end + 4] + b"".join(rows), client_address)

    def _answer(self, name: str, kind: int) -> Sequence[str]:
        with self._turn:
            turns, turn = self.answers[name], self.asked[name, kind]
            self.asked[name, kind] += 1
        return turns[min(turn, len(turns) - 1)]


def _name(packet: bytes) -> tuple[str, int]:
    """The name asked for, and where in the packet it ends."""
    labels, place = [], 12
    while length := packet[place]:
        labels.append(packet[place + 1 : place + 1 + length].decode("ascii"))
        place += 1 + length
    return ".".join(labels).lower(), place + 1


def sent_alone(answers: Answers, urls: Sequence[str]) -> dict[str, Any]:
    """`send_to_each` as root of a network of its own: its system asks our name server, and every address of `OURS` is this machine."""
    addresses = " && ".join(f"ip addr add {each} dev lo" for each in OURS)
    inside = f'mount --bind "$1" /etc/resolv.conf && ip link set lo up && {addresses} && exec "$2" -m tests.name_server "$3"'
    resolver, asked = str(ROOT / "tests" / "resolv.conf"), json.dumps([answers, urls])
    command = ["unshare", "-rmn", "sh", "-c", inside, "sh", resolver, sys.executable, asked]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def can_be_alone() -> bool:
    try:
        tried = subprocess.run(["unshare", "-rmn", "sh", "-c", "ip link set lo up"], capture_output=True, timeout=10, check=False)
    except OSError:
        return False
    return tried.returncode == 0


def send_to_each(answers: Answers, urls: Sequence[str]) -> dict[str, Any]:
    """`told`: by URL, why a message was not delivered; `connections`: how many there were to anything of this machine; `asked`: of whom."""
    message = Message("dlv-1", "t", "t", About("HC-1", "sev1", "erp", "erp"))
    channel = Webhook(WebhookSettings({url: ["whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5"] for url in urls}, deadline=3.0))
    told = []
    with Doors(80, 443, 8443) as doors, NameServer(answers, 53) as server:
        for url in urls:
            try:
                channel.send(message, url)
            except Undelivered as refused:
                told.append((url, refused.reason))
    return {"told": told, "connections": doors.opened, "asked": sorted({name for name, _ in server.asked})}


class Doors:
    """Listeners on every address of this machine, which note each connection and close it."""

    def __init__(self, *ports: int) -> None:
        self.opened = 0
        self._listeners = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True) for port in ports]
        self._threads = [threading.Thread(target=self._watch, args=(each,), daemon=True) for each in self._listeners]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._listeners:
            each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _watch(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.opened += 1
            sock.close()


if __name__ == "__main__":
    print(json.dumps(send_to_each(*json.loads(sys.argv[1]))))  # noqa: T201
