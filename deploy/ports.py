"""Ports of loopback that are this process's own, for servers that it starts, kills and starts again."""

import atexit
import socket

LOOPBACK = "127.0.0.1"


def reserved_port() -> int:
    """A port that nobody else on this machine is given as long as this process lives, whether a server listens on it at the moment or not.

    The socket that holds it never listens and lets itself be passed by (SO_REUSEADDR, set once it is bound), which server sockets ask for
    on Linux: Python's, the JVM's and Go's. One that is found free and let go again may be taken by somebody else meanwhile.
    """
    holder = socket.socket()
    holder.bind((LOOPBACK, 0))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    atexit.register(holder.close)
    port: int = holder.getsockname()[1]
    return port
