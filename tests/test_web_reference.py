"""The documentation is readable without script and without the internet."""

import json
import re
import shlex
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from services.api.routes import openapi_document
from services.ledger import Ledger
from tests.desks import app_of, client_of


class Page(HTMLParser):
    """What a browser would fetch, the places that links lead to, and whether what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.places: list[str] = []
        self.unclosed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.places += [told["id"]] if "id" in told else []
        self.links += [told["href"]] if tag == "a" else []
        self.fetched += [tag] if {"src", "srcset"} & set(told) or tag in ("script", "link", "iframe") else []
        self.unclosed += [tag] if tag != "meta" else []

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with client_of(app_of(ledger)) as client:
        yield client


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
def test_a_page_fetches_nothing_and_its_links_lead_somewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    page = Page(answer.text)
    assert (page.fetched, page.unclosed) == ([], [])
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len(set(page.places)) == len(page.places) > 10
    for link in page.links:
        assert link.removeprefix("#") in page.places if link.startswith("#") else client.get(link).status_code == 200


def test_every_route_is_described_with_what_it_takes_and_a_line_to_try(client: TestClient) -> None:
    text = client.get("/docs").text
    document = openapi_document()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            section = re.search(f'<section id="{operation["operationId"]}">.*?</section>', text, re.DOTALL)
            assert section is not None
            assert f"<code>{method.upper()} {path}</code>" in section[0]
            assert f"http://testserver{path}" in unescape(section[0])
            assert all(f"<code>{each['name']}</code>" in section[0] for each in operation.get("parameters", ()))


def test_the_line_to_try_can_be_pasted_into_a_shell(client: TestClient) -> None:
    lines = [shlex.split(unescape(line)) for line in re.findall("<pre>(.*?)</pre>", client.get("/docs").text)]
    tried = {line[-1].removeprefix("http://testserver"): line[1:-1] for line in lines if line[-1] != "http://testserver/v1/tickets"}
    assert tried["/v1/triage"] == []
    assert tried["/v1/tickets/{ticket}/assign"] == ["-H", 'If-Match: "1"', "--json", '{"assignee": "erik"}']
    submission = next(line for line in lines if line[1] == "--json" and line[-1].endswith("/tickets"))
    assert client.post("/v1/tickets", json=json.loads(submission[2])).status_code == 201


def test_a_submission_is_described_field_by_field(client: TestClient) -> None:
    text = client.get("/docs").text
    assert "<td><code>title</code> (required)</td><td>body</td><td>string of at most 300 characters</td>" in text
    assert "<td><code>reported_severity</code></td><td>body</td><td>sev1, sev2, sev3, sev4</td>" in text
