"""The AsyncAPI 3 document: every topic of the manifest with its records, headers, keys and settings."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from deploy.contracts.examples import EXAMPLES
from schemas.events import EVENTS
from schemas.routed import RoutedTicket
from schemas.tickets import Submission
from schemas.topics import Topic, manifest
from services.intake import CE_TYPE
from services.log.outgoing import ce_type, schema_uri

Json = dict[str, Any]

RECORDS: dict[str, type[BaseModel]] = {"Submission": Submission, **EVENTS, "RoutedTicket": RoutedTicket}
TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}
STANDARD: dict[str, Json] = {"ce_specversion": {"const": "1.0"}, "ce_id": TEXT, "ce_source": TEXT, "ce_type": TEXT}
OUTGOING: dict[str, Json] = {
    "ce_time": INSTANT | {"description": "when it happened, as its actor claims"},
    "ce_subject": TEXT | {"description": "ticket id"},
    "ce_dataschema": TEXT,
    "ce_partitionkey": TEXT | {"description": "the record's key"},
    "ce_recordedtime": INSTANT | {"description": "when it was recorded; never earlier than the entry before"},
    "ce_causationid": TEXT | {"description": "id of the entry that this one follows from"},
    "ce_ledgerseq": TEXT | {"description": "number of the entry in the ledger"},
    "ce_ledgerdigest": TEXT | {"description": "digest of the entry, for the ledger's verifier"},
    "ce_ticketversion": TEXT,
    "ce_site": TEXT,
    "ce_actor": TEXT,
    "ce_actorrole": TEXT,
    "ce_reason": TEXT,
    "content-type": {"const": "application/json"},
    "traceparent": TEXT,
}
FOR_TEAMS: dict[str, Json] = {"ce_severity": {"enum": ["sev1", "sev2", "sev3", "sev4"]}, "ce_gxp": TEXT, "ce_team": TEXT}


def asyncapi(systems: Sequence[str]) -> Json:
    topics = manifest(systems)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "hypercare", "version": version("hypercare"), "description": "What hypercare reads from Kafka and writes to it."},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": dict(_operation(topic) for topic in topics),
        "components": {"messages": dict(_messages()), "schemas": schemas()},
    }


def schemas() -> Json:
    """Every record's JSON Schema, and those that they refer to."""
    _, found = models_json_schema([(model, "validation") for model in RECORDS.values()], ref_template="#/components/schemas/{model}")
    defined: Json = _without_discriminators(found["$defs"])
    return dict(sorted(defined.items()))


def _without_discriminators(schema: Any) -> Any:
    """AsyncAPI's own mean something else than OpenAPI's; the constants of the alternatives tell them apart all the same."""
    if isinstance(schema, list):
        return [_without_discriminators(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_discriminators(each) for name, each in schema.items() if name != "discriminator" or not isinstance(each, dict)}


def records_of(topic: Topic) -> tuple[str, ...]:
    return tuple(EVENTS) if topic.records == ("*",) else topic.records


def _channel(topic: Topic) -> Json:
    settings: Json = {"cleanup.policy": [topic.cleanup], "retention.ms": topic.retention_ms}
    return {
        "address": topic.name,
        "description": f"{topic.description} Written by {topic.owner}. Key: {topic.key}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in records_of(topic)},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": settings, "bindingVersion": "0.5.0"}
        },
    }


def _operation(topic: Topic) -> tuple[str, Json]:
    action = "receive" if topic.direction == "in" else "send"
    name = topic.name.removeprefix("hypercare.").removesuffix(".v1")
    return f"{action}.{name}", {"action": action, "channel": {"$ref": f"#/channels/{topic.name}"}, "summary": topic.description}


def _messages() -> Iterator[tuple[str, Json]]:
    examples = {type(example).__name__: example for example in EXAMPLES}
    for name, model in RECORDS.items():
        payload = examples[name].model_dump(mode="json", exclude_none=name in EVENTS)
        yield (
            name,
            {
                "name": CE_TYPE if name == "Submission" else ce_type(name),
                "summary": " ".join((model.__doc__ or name).split()),
                "headers": _headers(name),
                "payload": {"$ref": f"#/components/schemas/{name}"},
                "bindings": {"kafka": {"key": TEXT, "bindingVersion": "0.5.0"}},
                "examples": [{"headers": _example_headers(name), "payload": payload}],
            },
        )


def _headers(name: str) -> Json:
    """Binary mode. The intake also takes structured mode and plain JSON, which have no headers but the content type."""
    if name == "Submission":
        return {"type": "object", "properties": STANDARD | {"content-type": TEXT, "traceparent": TEXT}}
    extra = FOR_TEAMS if name == "RoutedTicket" else {}
    return {"type": "object", "required": [*STANDARD], "properties": STANDARD | OUTGOING | extra}


def _example_headers(name: str) -> Mapping[str, str]:
    source = "urn:plant:cork:line-3" if name == "Submission" else "https://hypercare.example/v1/ledger"
    kind = CE_TYPE if name == "Submission" else ce_type(name)
    return {"ce_specversion": "1.0", "ce_id": "0d9f3a52-6c1e-4d0b-9a51-3f7f1f0c2b11", "ce_source": source, "ce_type": kind}


def json_schemas() -> dict[str, Json]:
    """By record name a JSON Schema that stands alone; `$id` is what records name as their schema."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: dialect | {"$id": schema_uri(name)} | model.model_json_schema(mode="validation") for name, model in RECORDS.items()}
