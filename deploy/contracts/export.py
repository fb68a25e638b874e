"""The files of schemas/exported. `make gen` writes them; a test compares them with what the code says."""

import json
from pathlib import Path
from typing import Any

import yaml

from deploy.contracts.asyncapi import asyncapi, json_schemas
from models.taxonomy import load_taxonomy
from schemas.tickets import Ticket
from services.api.routes import ROUTERS
from services.classifier.asking import router as asking
from services.stabilisation import router as stabilisation
from services.web.app import create_app
from services.web.callers import SelfNamed

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "exported"


def contracts() -> dict[str, str]:
    """Content by file name."""
    made = {f"{name}.v1.json": _json(schema) for name, schema in json_schemas().items()}
    made["Ticket.v1.json"] = _json(Ticket.model_json_schema(mode="validation"))
    made["openapi.json"] = _json(create_app([*ROUTERS, asking, stabilisation], SelfNamed()).openapi())
    document = asyncapi(load_taxonomy().ids)
    made["asyncapi.yaml"] = yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120)
    return made


def write(folder: Path) -> None:
    """Everything there that is no contract any more is taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = contracts()
    for stale in {path.name for path in folder.iterdir()} - set(wanted):
        (folder / stale).unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content, "utf-8")


class _Plain(yaml.SafeDumper):
    """Without anchors, which some readers of AsyncAPI do not know."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
