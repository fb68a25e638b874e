"""One relay at a time. On PostgreSQL the server decides, by a lock that belongs to a connection and ends with it."""

from threading import Lock

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from services.db import Database
from services.errors import Unavailable

LOCK = 0x6879706572  # any number that nobody else uses; here "hyper"


class Turn:
    """Whose turn it is. SQLite serves the processes of one machine, of which `hypercare up` starts one."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: Connection | None = None
        self._over = False
        self._busy = Lock()

    def mine(self) -> bool:
        """Whether this process may relay now; taken where it is free. `Unavailable`: the turn is lost, or nobody can tell."""
        if self.database.dialect != "postgresql":
            return True
        with self._busy:
            try:
                return not self._over and (self._still() or self._taken())
            except (DBAPIError, TimeoutError) as error:
                self._give_back()
                raise Unavailable("The database connection that holds the relay's turn was lost; another relay may go on") from error

    def end(self) -> None:
        """The turn is over for good."""
        with self._busy:
            self._over = True
            self._give_back()

    def _still(self) -> bool:
        """A lock ends only with its connection: one that answers still has it."""
        if self._connection is None:
            return False
        self._connection.execute(text("SELECT 1"))
        return True

    def _taken(self) -> bool:
        connection = self.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._connection = connection
        if connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}).scalar_one():
            return True
        self._give_back()
        return False

    def _give_back(self) -> None:
        """The connection is closed, not returned to the pool, where it would keep the lock."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()
