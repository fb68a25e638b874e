"""/docs and /docs/errors: the OpenAPI document as pages that need no script and nothing from the internet."""

import json
import shlex
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from services.web import remedies

POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"}
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}
h2 code{font-size:1rem}section{border-top:1px solid #bbb;padding:.5rem 0}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0}
pre{background:#f2f2f2;padding:.6rem;overflow-x:auto}a{color:#0b4f8a}"""

Schema = dict[str, Any]

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
def reference(request: Request) -> HTMLResponse:
    return _page("API", _body(request.app.openapi(), str(request.base_url).rstrip("/")))


@router.get("/docs/errors", response_class=HTMLResponse)
def errors() -> HTMLResponse:
    return _page("Errors", remedies.as_html())


def _page(title: str, body: str) -> HTMLResponse:
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>hypercare: {title}</title>'
    page = f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>'
    return HTMLResponse(page, headers=POLICY)


def _body(document: Schema, base: str) -> str:
    info = document["info"]
    operations = [(method, path, each) for path, item in document["paths"].items() for method, each in item.items()]
    head = f"<h1>{_told(info['title'])} {_told(info['version'])}</h1><p>{_told(info['description'])}</p>"
    more = '<p><a href="/openapi.json">OpenAPI document</a> · <a href="/docs/errors">Errors</a></p>'
    links = "".join(f'<li><a href="#{each["operationId"]}">{_told(each["summary"])}</a></li>' for _, _, each in operations)
    return f"{head}{more}<ul>{links}</ul>{''.join(_section(document, base, *operation) for operation in operations)}"


def _section(document: Schema, base: str, method: str, path: str, operation: Schema) -> str:
    told = f"<p>{_told(operation['description'])}</p>" if "description" in operation else ""
    head = f"<h2>{_told(operation['summary'])} <code>{method.upper()} {_told(path)}</code></h2>{told}"
    curl = f"<pre>{_told(_curl(document, base + path, method, operation))}</pre>"
    rows = [*_parameters(operation), *_fields(document, operation)]
    table = f"<table><tr><th>what</th><th>where</th><th>values</th></tr>{''.join(rows)}</table>" if rows else ""
    answers = "".join(f"<li>{status}: {_told(each['description'])}</li>" for status, each in operation["responses"].items())
    outcome = f"<details><summary>Answers</summary><ul>{answers}</ul></details>"
    return f'<section id="{operation["operationId"]}">{head}{curl}{table}{outcome}</section>'


def _parameters(operation: Schema) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        yield _row(each["name"], each["in"], _values(each["schema"]), each.get("required", False))


def _fields(document: Schema, operation: Schema) -> Iterator[str]:
    schema = _request(document, operation)
    for name, field in schema.get("properties", {}).items():
        yield _row(name, "body", _values(field), name in schema.get("required", ()))


def _row(name: str, where: str, values: str, required: bool) -> str:
    return f"<tr><td><code>{_told(name)}</code>{' (required)' if required else ''}</td><td>{where}</td><td>{_told(values)}</td></tr>"


def _values(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_values(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = schema.get("format") or schema.get("type") or schema.get("$ref", "").rpartition("/")[2] or "any"
    length = f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""
    items = f" of {_values(schema['items'])}" if "items" in schema else ""
    return f"{kind}{length}{items}"


def _request(document: Schema, operation: Schema) -> Schema:
    schema: Schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Schema = document["components"]["schemas"].get(name, schema)
    return found


def _curl(document: Schema, url: str, method: str, operation: Schema) -> str:
    headers = ["-H", 'If-Match: "1"'] if any(each["name"] == "If-Match" for each in operation.get("parameters", ())) else []
    examples = _examples(document, operation)
    body = ["--json", json.dumps(examples[0])] if examples else []
    return shlex.join(["curl", *([] if method == "get" or body else ["-X", method.upper()]), *headers, *body, url])


def _examples(document: Schema, operation: Schema) -> list[Any]:
    told = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
    return [each["value"] for each in told.values()] or _request(document, operation).get("examples", [])


def _told(value: Any) -> str:
    return escape(str(value))
