"""The manifest of topics, and the contracts that are made from it and from the schemas."""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from pydantic import ValidationError

from deploy.contracts.asyncapi import RECORDS, asyncapi, json_schemas, records_of
from deploy.contracts.examples import EXAMPLES
from deploy.contracts.export import FOLDER, contracts, write
from models.taxonomy import load_taxonomy
from schemas.events import EVENTS
from schemas.tickets import Submission, Ticket
from schemas.topics import DEADLETTER, INTAKE, TICKETS, Topic, manifest, routed
from services.log.outgoing import ce_type

SYSTEMS = load_taxonomy().ids
OFFICIAL = "@asyncapi/specs@6.11.1"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Draft7Validator:
    """AsyncAPI's own JSON Schema of AsyncAPI 3.0.0."""
    folder = tmp_path_factory.mktemp("asyncapi")
    if shutil.which("npm") is None:
        pytest.skip(f"NOT CHECKED against AsyncAPI's own schema: npm, which brings {OFFICIAL}, is not installed")
    command = ["npm", "pack", "--silent", OFFICIAL, "--pack-destination", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"NOT CHECKED against AsyncAPI's own schema: {OFFICIAL} did not come within a minute")
    if done.returncode:
        pytest.skip(f"NOT CHECKED against AsyncAPI's own schema: {OFFICIAL} cannot be had: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(folder.glob("*.tgz"))) as package:
        schema = package.extractfile("package/schemas/3.0.0.json")
        assert schema is not None
        return Draft7Validator(json.load(schema))


def test_the_manifest_names_every_topic_once() -> None:
    topics = manifest(SYSTEMS)
    assert [topic.name for topic in topics] == [INTAKE.name, TICKETS.name, *(routed(system) for system in SYSTEMS), DEADLETTER.name]
    alike = [topic.name.replace(".", "_") for topic in topics]
    assert len(set(alike)) == len(alike), "Kafka's metrics take . and _ for the same"
    assert all(topic.name.startswith("hypercare.") and topic.name.endswith(".v1") for topic in topics)


def test_every_topic_says_who_writes_it_what_and_in_which_order() -> None:
    for topic in manifest(SYSTEMS):
        assert topic.owner
        assert topic.key
        assert topic.description.endswith(".")
        assert set(records_of(topic)) <= set(RECORDS)
        assert topic.partitions == 6


def test_only_the_intake_is_stored_in_a_compression_of_our_own() -> None:
    """aiokafka reads gzip, and others only with a package that need not be there; brokers store what they get unless told otherwise."""
    assert {topic.name for topic in manifest(SYSTEMS) if topic.settings["compression.type"] == "gzip"} == {INTAKE.name}


@pytest.mark.parametrize(
    "broken", [{"name": "Hypercare.X"}, {"name": "hypercare.x"}, {"retention_ms": 5}, {"partitions": 0}, {"colour": "red"}]
)
def test_a_topic_that_breaks_the_rules_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Topic.model_validate(TICKETS.model_dump() | broken)


def test_the_exported_contracts_are_what_the_code_says() -> None:
    exported = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    made = contracts()
    assert sorted(exported) == sorted(made)
    assert [name for name, content in made.items() if exported[name] != content] == [], "run `make gen`"


def test_writing_takes_away_what_is_no_contract_any_more(tmp_path: Path) -> None:
    (tmp_path / "TicketForgotten.v1.json").write_text("{}")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(contracts())


def test_every_topic_and_every_record_is_in_the_document(document: dict[str, Any]) -> None:
    assert [channel["address"] for channel in document["channels"].values()] == [topic.name for topic in manifest(SYSTEMS)]
    assert {operation["channel"]["$ref"].removeprefix("#/channels/") for operation in document["operations"].values()} == set(
        document["channels"]
    )
    assert {name for name, operation in document["operations"].items() if operation["action"] == "receive"} == {"receive.intake"}
    assert set(document["channels"][TICKETS.name]["messages"]) == set(EVENTS)
    assert set(document["components"]["messages"]) == set(RECORDS)
    assert document["components"]["messages"]["TicketRouted"]["name"] == ce_type("TicketRouted")


def test_every_example_is_valid_and_every_record_has_one(document: dict[str, Any]) -> None:
    for name, message in document["components"]["messages"].items():
        (example,) = message["examples"]
        payload = message["payload"] | {"components": document["components"]}
        assert [error.message for error in Draft202012Validator(payload).iter_errors(example["payload"])] == [], name
        assert [error.message for error in Draft202012Validator(message["headers"]).iter_errors(example["headers"])] == [], name
        RECORDS[name].model_validate(example["payload"])


def test_a_wrong_example_would_be_found(document: dict[str, Any]) -> None:
    payload = document["components"]["messages"]["TicketReclassified"]["payload"] | {"components": document["components"]}
    assert list(Draft202012Validator(payload).iter_errors({"severity": "sev9"}))


def test_the_document_is_valid_for_asyncapi(document: dict[str, Any], official: Draft7Validator) -> None:
    assert [f"{list(error.path)}: {error.message[:200]}" for error in official.iter_errors(document)] == []


def test_a_broken_document_would_be_found(document: dict[str, Any], official: Draft7Validator) -> None:
    broken = document | {"operations": {"send.tickets": {"action": "shout", "channel": {"$ref": "#/channels/x"}}}}
    assert list(official.iter_errors(broken))


def test_a_schema_stands_alone_and_bears_the_name_that_records_give_it() -> None:
    examples = {type(example).__name__: example for example in EXAMPLES}
    for name, schema in json_schemas().items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"urn:hypercare:schema:{name}:v1"
        told = examples[name].model_dump(mode="json", exclude_none=name in EVENTS)
        assert [error.message for error in Draft202012Validator(schema).iter_errors(told)] == []


def test_what_is_optional_to_send_is_optional_in_the_schema() -> None:
    assert json_schemas()["Submission"]["required"] == ["title", "site", "reporter"]
    least = {"title": "t", "site": "Cork", "reporter": "olga"}
    assert not list(Draft202012Validator(json_schemas()["Submission"]).iter_errors(least))
    assert list(Draft202012Validator(json_schemas()["Submission"]).iter_errors(least | {"colour": "red"}))
    Submission.model_validate(least)


def test_a_new_system_gets_its_own_topic() -> None:
    document = asyncapi(("erp", "warehouse"))
    assert routed("warehouse") in document["channels"]
    assert document["channels"][routed("warehouse")]["messages"] == {"RoutedTicket": {"$ref": "#/components/messages/RoutedTicket"}}


def test_the_example_of_a_ticket_is_whole() -> None:
    (ticket,) = (example for example in EXAMPLES if isinstance(example, Ticket))
    assert (ticket.team, ticket.severity, ticket.routed_at is not None) == ("packaging", "sev2", True)
