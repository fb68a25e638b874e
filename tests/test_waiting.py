"""Work that is done in rounds outlives a database that is away for a while, and nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.errors import Invalid, Unavailable
from services.ledger import Ledger
from services.stabilisation.keeper import Keeper
from services.stabilisation.progress import Progress
from services.stabilisation.shift_ends import ShiftEnds
from services.stabilisation.warner import Warner
from services.teams import load_teams
from services.waiting import rounds
from tests.dispatching import until


async def test_a_round_that_could_not_reach_the_database_is_followed_by_the_next() -> None:
    done = asyncio.Event()
    answers = iter([Unavailable("away"), Unavailable("still away"), None])

    async def work() -> None:
        answer = next(answers)
        if answer:
            raise answer
        done.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(rounds(work, 0))
    async with asyncio.timeout(30):
        await done.wait()
    task.cancel()


async def test_a_fault_of_the_program_ends_them() -> None:
    async def work() -> None:
        raise Invalid("no such thing")

    with pytest.raises(Invalid):
        await rounds(work, 0)


class Away(Progress):
    """Of a database that cannot be reached; `tries` counts."""

    tries = 0

    def look(self, *_: object) -> Any:
        self.tries += 1
        raise Unavailable("the database is away")


@pytest.mark.parametrize(
    "of",
    [Keeper, Warner, lambda ledger, progress, every: ShiftEnds(ledger, progress, load_teams(None), every)],
    ids=["keep", "warn", "hand over"],
)
async def test_snapshots_clocks_and_handovers_wait_for_a_database_that_is_away(ledger: Ledger, of: Callable[..., Any]) -> None:
    progress = Away()
    task = asyncio.create_task(of(ledger, progress, every=0).run())
    await until(lambda: progress.tries > 2)
    assert not task.done()
    task.cancel()
