"""Reports over HTTP: of the newest snapshot, of an instant, of a day; in three forms; and a sentence where there is none."""

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec

import httpx2
import pytest

from schemas.golives import Snapshot
from services.api.routes import ROUTERS
from services.stabilisation import router
from services.web.app import openapi_document
from tests.lived_golives import lived, served, snapshot

KINDS = pytest.mark.parametrize("kind", ["standup", "executive"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx2.Client, Snapshot]]:
    with closing(lived(tmp_path_factory.mktemp("plant"), 3)) as ledger, closing(ledger.database):
        kept = snapshot(ledger)
        with served(ledger) as url, httpx2.Client(base_url=f"{url}/v1/golives/GL-1/", trust_env=False) as client:
            yield client, kept


@KINDS
@pytest.mark.parametrize(("form", "media"), [("md", "text/markdown; charset=utf-8"), ("html", "text/html; charset=utf-8")])
def test_a_report_comes_in_its_form_under_its_name(place: tuple[httpx2.Client, Snapshot], kind: str, form: str, media: str) -> None:
    client, kept = place
    answer = client.get("report", params={"kind": kind, "format": form})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    assert answer.headers["content-disposition"] == f'inline; filename="{kept.id}-{kind}.{form}"'
    assert kept.digest in answer.text
    assert client.get("report", params={"kind": kind, "format": form, "day": str(kept.day)}).content == answer.content
    assert client.get("report", params={"kind": kind, "format": form, "as_of": kept.as_of.isoformat()}).content == answer.content


def test_without_a_word_it_is_the_standup_as_a_page_that_may_do_nothing(place: tuple[httpx2.Client, Snapshot]) -> None:
    answer = place[0].get("report")
    assert "<h1" in answer.text
    assert "Stand-up" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("asked", [{"day": "2020-01-01"}, {"as_of": "2026-03-02T07:00:00+00:00"}])
def test_where_there_is_no_snapshot_it_is_said_when_there_is_one(place: tuple[httpx2.Client, Snapshot], asked: dict[str, str]) -> None:
    answer = place[0].get("report", params=asked)
    assert answer.status_code == 404
    assert "one is taken every day at 06:00 at the site" in answer.json()["detail"]


@pytest.mark.parametrize("asked", [{"kind": "weekly"}, {"format": "docx"}, {"day": "tomorrow"}])
def test_what_there_is_not_is_refused(place: tuple[httpx2.Client, Snapshot], asked: dict[str, str]) -> None:
    assert place[0].get("report", params=asked).status_code == 422


def test_a_pdf_comes_or_it_is_said_how_to_get_it(place: tuple[httpx2.Client, Snapshot]) -> None:
    answer = place[0].get("report", params={"format": "pdf"})
    if find_spec("typst"):
        assert (answer.status_code, answer.content[:4]) == (200, b"%PDF")
    else:
        assert answer.status_code == 500
        assert "pip install 'hypercare[report]'" in answer.json()["detail"]


def test_no_name_of_a_route_is_given_twice() -> None:
    paths = openapi_document((*ROUTERS, router))["paths"].values()
    names = [each["operationId"] for path in paths for each in path.values()]
    assert len(names) == len(set(names))
