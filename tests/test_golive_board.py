"""The board says first whether a site is stable: a card for each go-live, with what speaks against it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from services.ledger import Ledger
from services.stabilisation import furnish, router
from services.stabilisation.progress import Progress
from services.stabilisation.watching import Watch
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.golive_lives import declared, lived, text
from tests.lives import submitted


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    app = create_app([router], SelfNamed())
    furnish(app, ledger, Watch(), Progress())
    with TestClient(app) as client:
        yield client


def page(client: TestClient, **asked: str) -> str:
    answer = client.get("/board", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_golive_has_a_card_with_light_criteria_plan_and_forecast(client: TestClient, ledger: Ledger) -> None:
    golive = declared(ledger, text())
    lived(ledger, "Cork", 4, steps=80)
    told = client.get(f"/v1/golives/{golive.id}/status").json()
    shown = page(client, site="Cork")
    assert f'class="light {told["readiness"]["light"]}"' in shown
    assert f"{told['readiness']['passed']} of 12" in shown
    assert f"{told['burndown']['gap']:+.0f} against the plan" in shown
    assert f'href="/v1/golives/{golive.id}/readiness"' in shown
    for reason in told["readiness"]["reasons"]:
        assert f"<li>{reason}</li>" in shown


def test_every_link_of_a_card_leads_somewhere(client: TestClient, ledger: Ledger) -> None:
    golive = declared(ledger, text())
    submitted(ledger)
    assert client.post(f"/v1/golives/{golive.id}/snapshots").status_code == 201
    shown = page(client, site="Cork")
    for path in ("report?kind=executive", "report?kind=standup", "readiness", "figures"):
        assert f'href="/v1/golives/{golive.id}/{path}"' in shown
        assert client.get(f"/v1/golives/{golive.id}/{path}").status_code == 200


def test_a_site_shows_its_own_golives_and_the_overview_all(client: TestClient, ledger: Ledger) -> None:
    for site in ("Cork", "Leiden"):
        declared(ledger, text(site, name=f"wave of {site}"))
        submitted(ledger, site=site)
    assert "wave of Leiden" not in page(client, site="Cork")
    assert all(f"wave of {site}" in page(client) for site in ("Cork", "Leiden"))


def test_without_a_golive_the_board_is_what_it_was(client: TestClient, ledger: Ledger) -> None:
    submitted(ledger)
    assert 'class="light' not in page(client)


def test_what_people_wrote_cannot_become_markup(client: TestClient, ledger: Ledger) -> None:
    declared(ledger, text(name="<script>alert(1)</script>"), plan=None)
    submitted(ledger)
    shown = page(client)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "no approved plan" in shown
