"""Who calls is known by key, or on loopback by the caller's own word; never from an address."""

import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from services.api.routes import openapi_document
from services.errors import Misconfigured
from services.ledger import Ledger
from services.web.callers import open_callers
from services.web.keys import FORM, new_key
from tests.desks import TICKET, app_of, client_of, refused, submitted, taken
from tests.lives import entries_of

Door = Callable[..., dict[str, str]]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text("")
    return path


@pytest.fixture
def key_for(keys: Path) -> Door:
    """The headers of a new key whose entry is in the file."""

    def door(actor: str = "servicenow", role: str = "support_desk", expires: datetime | None = None) -> dict[str, str]:
        key, entry = new_key(actor, role, expires)
        keys.write_text(keys.read_text("utf-8") + entry, "utf-8")
        return {"Authorization": f"Bearer {key}"}

    return door


@pytest.fixture
def client(ledger: Ledger, keys: Path) -> Iterator[TestClient]:
    with client_of(app_of(ledger, open_callers(keys))) as client:
        yield client


def test_a_key_says_who_calls_and_the_callers_own_word_counts_for_nothing(client: TestClient, key_for: Door, ledger: Ledger) -> None:
    headers = key_for("Jörg", "qa_reviewer") | {"Hypercare-Actor": "somebody", "Hypercare-Role": "admin"}
    assert client.post("/v1/tickets", json=TICKET, headers=headers).status_code == 201
    assert (entries_of(ledger)[0].actor, entries_of(ledger)[0].role) == ("Jörg", "qa_reviewer")


def test_every_described_route_but_health_asks_for_a_key(client: TestClient) -> None:
    asked = 0
    for path, item in openapi_document()["paths"].items():
        for method in item if path.startswith("/v1/") else ():
            answer = client.request(method, path.replace("{ticket}", "HC-1"))
            assert refused(answer, 401, "unauthenticated")
            assert answer.headers["www-authenticate"].startswith("Bearer, Basic realm=")
            asked += 1
    assert asked >= 18
    assert {client.get(path).status_code for path in ("/livez", "/readyz", "/docs", "/docs/errors", "/openapi.json")} == {200}


def test_a_wrong_key_opens_nothing(client: TestClient, key_for: Door) -> None:
    right = key_for()["Authorization"].removeprefix("Bearer ")
    identity, secret = FORM.fullmatch(right).groups()  # type: ignore[union-attr]
    wrong = ["", right[:-1], right + "x", right.upper(), f"hc_{identity}_{'x' * 43}", f"hc_unknown_{secret}", secret, f"hc__{secret}", "é"]
    for key in wrong:
        refused(client.get("/v1/tickets", headers={b"Authorization": f"Bearer {key}".encode()}), 401, "unauthenticated")
    refused(client.get("/v1/tickets", headers={"Authorization": f"Basic {right}"}), 401, "unauthenticated")
    assert client.get("/v1/tickets", headers={"Authorization": f"bearer {right}"}).status_code == 200


def test_an_expired_key_is_refused_and_says_so(client: TestClient, key_for: Door) -> None:
    now = datetime.now(UTC)
    assert client.get("/v1/tickets", headers=key_for(expires=now + timedelta(hours=1))).status_code == 200
    answer = client.get("/v1/tickets", headers=key_for(expires=now - timedelta(seconds=1)))
    assert "expired" in refused(answer, 401, "unauthenticated")["detail"]


def test_a_key_that_is_taken_out_of_the_file_is_refused_at_once(client: TestClient, key_for: Door, keys: Path) -> None:
    old, new = key_for(), key_for()
    assert [client.get("/v1/tickets", headers=each).status_code for each in (old, new)] == [200, 200]
    keys.write_text("[[keys]]" + keys.read_text("utf-8").split("[[keys]]")[2], "utf-8")
    assert [client.get("/v1/tickets", headers=each).status_code for each in (old, new)] == [401, 200]


def test_nobody_is_let_in_while_the_keys_cannot_be_read(client: TestClient, key_for: Door, keys: Path) -> None:
    key = key_for()
    good = keys.read_text("utf-8")
    keys.write_text(good + "[[keys", "utf-8")
    assert str(keys) not in str(refused(client.get("/v1/tickets", headers=key), 503, "unavailable"))
    keys.unlink()
    refused(client.get("/v1/tickets", headers=key), 503, "unavailable")
    keys.write_text(good, "utf-8")
    assert client.get("/v1/tickets", headers=key).status_code == 200


@pytest.mark.parametrize("question", ["api_key=x", "API_KEY=x", "access_token=x", "q=hc_desk1_" + "x" * 43, "authorization=Bearer+x"])
def test_a_key_in_an_address_is_refused_even_where_none_is_needed(ledger: Ledger, question: str) -> None:
    with client_of(app_of(ledger)) as client:
        refused(client.get(f"/v1/tickets?{question}"), 400, "bad-request")


def test_idempotency_keys_belong_to_who_holds_the_key(client: TestClient, key_for: Door) -> None:
    one, other, second_of_one = key_for("servicenow"), key_for("jira"), key_for("servicenow")
    answers = [client.post("/v1/tickets", json=TICKET, headers=who | {"Idempotency-Key": "k"}) for who in (one, other, second_of_one)]
    assert [answer.json()["id"] for answer in answers] == ["HC-1", "HC-2", "HC-1"]


OURS = [("erik", "service"), ("service:classifier", "operator"), ("erik", "history"), ("history:erik", "desk")]


@pytest.mark.parametrize(("actor", "role"), OURS)
def test_nobody_passes_for_hypercare_itself(ledger: Ledger, actor: str, role: str) -> None:
    with client_of(app_of(ledger)) as client:
        headers = {"Hypercare-Actor": actor, "Hypercare-Role": role}
        refused(client.post("/v1/tickets", json=TICKET, headers=headers), 403, "forbidden")
    with pytest.raises(Misconfigured, match="hypercare's own"):
        new_key(actor, role)


def test_without_a_name_the_caller_is_an_anonymous_operator(ledger: Ledger) -> None:
    with client_of(app_of(ledger)) as client:
        submitted(client)
        taken(client.get("/v1/tickets"))
    assert (entries_of(ledger)[0].actor, entries_of(ledger)[0].role) == ("anonymous", "operator")


@pytest.mark.parametrize("name", ['quote " and \\', "newline\nin it", "Ærøskøbing", "# [[keys]]"])
def test_a_new_key_is_strong_and_its_entry_holds_no_secret(name: str) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    key, entry = new_key(name, "support_desk", until)
    form = FORM.fullmatch(key)
    assert form is not None
    assert len(form[2]) >= 43
    assert form[2] not in entry
    kept = tomllib.loads(entry)["keys"][0]
    assert (kept["id"], kept["actor"], kept["role"], kept["expires"]) == (form[1], name, "support_desk", until)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[[keys]]\nid = 'desk1'", "sha256"),
        ("[[keys]]\nid = 'desk_1'\nsha256 = '0'\nactor = 'd'\nrole = 'r'", "keys.0.id"),
        ("keys = 3", "keys"),
        ("[[keys", "cannot be read"),
        ("[[keys]]\nid='a'\nsha256='" + "0" * 64 + "'\nactor='d'\nrole='r'\nexpires=2027-01-01T00:00:00\n", "UTC offset"),
        (("[[keys]]\nid='a'\nsha256='" + "0" * 64 + "'\nactor='d'\nrole='r'\n") * 2, "same id"),
    ],
)
def test_a_keys_file_with_a_fault_is_told_before_anything_starts(keys: Path, content: str, told: str) -> None:
    keys.write_text(content)
    with pytest.raises(Misconfigured, match=told):
        open_callers(keys)


def test_an_unknown_id_is_told_as_a_wrong_secret_is(client: TestClient, key_for: Door) -> None:
    identity = FORM.fullmatch(key_for()["Authorization"].removeprefix("Bearer "))[1]  # type: ignore[index]
    details = {
        refused(client.get("/v1/tickets", headers={"Authorization": f"Bearer hc_{who}_{'x' * 43}"}), 401, "unauthenticated")["detail"]
        for who in (identity, "unknown")
    }
    assert len(details) == 1


def test_a_browser_reads_with_the_key_as_password_and_changes_nothing_with_it(client: TestClient, key_for: Door) -> None:
    key = key_for()["Authorization"].removeprefix("Bearer ")
    assert client.get("/v1/tickets", auth=("anybody", key)).status_code == 200
    refused(client.post("/v1/tickets", json=TICKET, auth=("anybody", key)), 401, "unauthenticated")
    refused(client.get("/v1/tickets", auth=("anybody", key + "x")), 401, "unauthenticated")
    for broken in ("Basic", "Basic ???", "Basic /w==", "basic YWJj"):
        refused(client.get("/v1/tickets", headers={"Authorization": broken}), 401, "unauthenticated")
