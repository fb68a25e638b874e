"""Why a ticket was decided as it was can be asked over HTTP, but for what a person is to decide blind."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from services.settings import load_settings
from services.up import Stage, running

TOLD = {"title": "IDoc 51 on LOIPRO since 02:00, orders are missing in the MES", "site": "Cork", "reporter": "olga"}
DORA = {"Hypercare-Actor": "dora", "Hypercare-Role": "support_desk", "If-Match": "*"}


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    settings = load_settings(database_url=f"sqlite:///{tmp_path / 'hypercare.db'}", port=0, blind_share=request.param)
    async with running(settings, ("api", "classifier")) as running_stage:
        yield running_stage


@pytest.mark.parametrize("stage", [0.0], indirect=True)
async def test_a_decision_is_told_with_what_drove_it_and_made_again(stage: Stage) -> None:
    async with httpx2.AsyncClient(base_url=stage.url, timeout=30) as http:
        await http.post("/v1/tickets", json=TOLD, headers={"Prefer": "wait=10"})
        told = (await http.get("/v1/tickets/HC-1/explanation")).json()
        assert told["decision"]["prediction"]["words"]
        assert told["recomputed"] == {"same": True, "verdict": "decided the same, bit for bit", "differs": []}
        assert (await http.get("/v1/tickets/HC-9/explanation")).status_code == 404


@pytest.mark.parametrize("stage", [1.0], indirect=True)
async def test_a_blind_ticket_is_explained_when_a_person_has_routed_it(stage: Stage) -> None:
    async with httpx2.AsyncClient(base_url=stage.url, timeout=30) as http:
        await http.post("/v1/tickets", json=TOLD, headers={"Prefer": "wait=10"})
        refused = await http.get("/v1/tickets/HC-1/explanation")
        assert refused.status_code == 409
        assert "has not seen the suggestion" in refused.json()["detail"]
        await http.post("/v1/tickets/HC-1/route", json={"system": "erp", "reason": "orders come from there"}, headers=DORA)
        assert (await http.get("/v1/tickets/HC-1/explanation")).json()["decision"]["system"] == "erp"
