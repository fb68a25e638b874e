"""A desk that prefers to wait gets the answer with the ticket: where it goes, known errors, and what is alike."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from schemas.entries import Attribution
from services.api.preferences import LONGEST_WAIT_S, wanted_wait
from services.knownerrors import approve_known_error, record_known_error
from services.settings import load_settings
from services.up import Stage, running
from tests.lives import QA
from tests.test_classifier_memory import KNOWN, STOPPED

TOLD = {"title": STOPPED, "site": "Cork", "reporter": "olga", "area": "Line 3"}
WHOLE = ("api", "classifier")


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    settings = load_settings(database_url=f"sqlite:///{tmp_path / 'hypercare.db'}", port=0, blind_share=0)
    async with running(settings, getattr(request, "param", WHOLE)) as running_stage:
        yield running_stage


async def posted(stage: Stage, prefer: str | None = None) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=stage.url, timeout=30) as client:
        return await client.post("/v1/tickets", json=TOLD, headers={"Prefer": prefer} if prefer else {})


async def test_a_known_error_and_what_is_alike_come_with_the_answer(stage: Stage) -> None:
    erik = Attribution("erik", "automation_engineer")
    error = stage.ledger.write(lambda draft: record_known_error(draft, KNOWN, erik)).result()
    stage.ledger.write(lambda draft: approve_known_error(draft, error.id, QA)).result()
    await posted(stage, "wait=10")
    answer = await posted(stage, "respond-async, wait=10")
    ticket = answer.json()
    assert (answer.status_code, answer.headers["preference-applied"]) == (201, "wait=10")
    assert ticket["state"] == "triage"
    assert ticket["decision"]["known_errors"][0]["workaround"] == KNOWN.workaround
    assert ticket["decision"]["similar"][0]["ticket"] == "HC-1"
    assert answer.headers["etag"] == f'"{ticket["version"]}"'


@pytest.mark.parametrize("stage", [("api",)], indirect=True)
async def test_without_a_decision_in_that_time_the_ticket_comes_as_it_stands(stage: Stage) -> None:
    answer = await posted(stage, "wait=1")
    assert (answer.status_code, answer.json()["state"]) == (201, "submitted")


async def test_who_does_not_prefer_to_wait_does_not(stage: Stage) -> None:
    answer = await posted(stage)
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [(None, 0), ("", 0), ("wait=3", 3), ("respond-async, wait=4", 4), ("wait=9999", LONGEST_WAIT_S), ("wait=soon", 0), ("await=5", 0)],
)
def test_the_preference_is_read_as_rfc_7240_writes_it(prefer: str | None, seconds: int) -> None:
    assert wanted_wait(prefer) == seconds
