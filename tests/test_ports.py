"""A port that a server of the tests has is its own, also while that server is dead."""

import socket

import pytest

from deploy.ports import LOOPBACK, reserved_port


def test_a_server_takes_its_port_as_often_as_it_starts() -> None:
    port = reserved_port()
    for _ in range(3):
        with (
            socket.create_server((LOOPBACK, port)) as server,
            socket.create_connection((LOOPBACK, port), timeout=5),
            server.accept()[0],
        ):
            pass


def test_nobody_answers_on_a_port_whose_server_is_dead() -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, reserved_port()), timeout=5)


def test_nobody_else_is_given_it_while_its_server_is_dead() -> None:
    port = reserved_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((LOOPBACK, port))
    assert port not in {reserved_port() for _ in range(200)}
