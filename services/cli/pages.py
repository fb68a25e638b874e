"""The pages of docs/ that are made from the code: `python -m services.cli.pages [FOLDER]` writes them anew."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from schemas.events import EVENTS, Event, TicketSubmitted
from schemas.words import STATES
from services.cli import VERBS, load_verb
from services.deliveries import DELIVERY_CHANGES
from services.lifecycle import LIFECYCLE, Rule
from services.settings import PREFIX, Settings, secret_names
from services.web import remedies

SETTINGS_HEAD = f"""# Settings

Made from `services/settings.py` by `make gen`. Settings come from the environment and from nowhere else. `hypercare config show`
prints them with where each comes from, `hypercare config check` names every fault at once, misspelt names included. An empty
variable counts as unset.

`{PREFIX}X_FILE` may name a file that holds the value of `{PREFIX}X` for those marked "or a file", so that no secret stands in an
environment.

"""

EVENTS_HEAD = """# Events

Made from `schemas/events.py` and `services/lifecycle.py` by `make gen`. An event is the `data` of a ledger entry; who did it, in
which role, when, why and because of which earlier event stand in the entry's own fields. Kafka carries each as a CloudEvent of the
type `io.hypercare.<Name>.v1`. A field may be added, never changed or taken away; readers ignore fields that they do not know.

A change that needs a reason is refused without one. Routing needs one too where it takes a ticket from a team that has it.
"""

CLI_HEAD = """# Command line

Made from `services/cli/` by `make gen`; `hypercare VERB --help` says the same. Data goes to standard output, remarks and errors to
standard error. Exit code 0: done; 1: refused, or something is wrong, said in words; 2: the command line itself is wrong. Every verb
but `demo` and `up` also takes `--json` and `--quiet` (`-q`).
"""
EVERYWHERE = ("--json", "-q, --quiet")


def _table(headings: str, rows: Iterator[tuple[str, str, str]]) -> str:
    return f"| {headings} |\n|---|---|---|\n" + "".join(f"| {' | '.join(map(_cell, row))} |\n" for row in rows)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def settings_page() -> str:
    secrets = secret_names(Settings)
    rows = (_setting(name, field, name in secrets) for name, field in Settings.model_fields.items())
    return SETTINGS_HEAD + _table("variable | default | meaning", rows)


def _setting(name: str, field: FieldInfo, may_be_a_file: bool) -> tuple[str, str, str]:
    choices = f"; one of {', '.join(get_args(field.annotation))}" if get_origin(field.annotation) is Literal else ""
    return f"`{PREFIX}{name.upper()}`", _default(field), f"{field.description}{choices}{'; or a file' if may_be_a_file else ''}"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return f"`{field.default_factory.__name__}()`"
    return f"`{field.default}`" if field.default not in (None, "") else "none"


def events_page() -> str:
    return EVENTS_HEAD + "".join(_event(cls) for cls in EVENTS.values())


def _event(cls: type[Event]) -> str:
    schema = cls.model_json_schema()
    rows = ((f"`{name}`", _kind(field), _need(name, field, schema)) for name, field in schema.get("properties", {}).items())
    fields = _table("field | value | given", rows) if schema.get("properties") else "No fields.\n"
    return f"\n## {cls.__name__}\n\n{_paragraphs(cls)}\n\n{_when(cls)}\n\n{fields}"


def _paragraphs(cls: type[Event]) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (cls.__doc__ or "").split("\n\n"))


def _when(cls: type[Event]) -> str:
    if cls is TicketSubmitted:
        return "Begins a ticket; leads to `submitted`."
    if cls in LIFECYCLE:
        return _rule(LIFECYCLE[cls])
    if cls in DELIVERY_CHANGES:
        return "In any state; leaves the ticket as it is."
    return "About hypercare's own work; leaves tickets as they are."


def _rule(rule: Rule) -> str:
    states = ", ".join(f"`{state}`" for state in STATES if state in rule.after)
    leads = f"leads to `{rule.to}`" if rule.to else "the state stays, or follows from the ticket"
    needs = " Needs a reason." if rule.reason else ""
    leaves = "" if rule.counts else " Leaves the ticket and its version as they are."
    return f"While it is {states}; {leads}.{needs}{leaves}"


def _kind(field: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"] if each.get("type") != "null")
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return ", ".join(field["enum"])
    if "items" in field:
        return "pair" if "prefixItems" in field else f"list of {_kind(field['items'])}"
    bound = f", at most {field['maxLength']} characters" if "maxLength" in field else ""
    return "pair" if "prefixItems" in field else f"{field.get('format', field.get('type', 'object'))}{bound}"


def _need(name: str, field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if name in schema.get("required", ()):
        return "always"
    return f"`{field['default']}` unless said" if field.get("default") else "where known"


def cli_page() -> str:
    return CLI_HEAD + "".join(part for name in VERBS for part in _verb(name))


def _verb(name: str) -> Iterator[str]:
    command = load_verb(name)
    yield f"\n## hypercare {name}\n\n{command.help}\n"
    for words, each in getattr(command, "commands", {}).items():
        yield f"\n### hypercare {name} {words}\n\n{each.help}\n{_options(each, words)}"
    if not hasattr(command, "commands"):
        yield _options(command, name)


def _options(command: Any, name: str) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    told = [parameter.get_help_record(context) for parameter in command.params]
    rows = [f"| `{_cell(words)}` | {_cell(meaning)} |\n" for words, meaning in told if words not in EVERYWHERE]
    return "\n| argument or option | meaning |\n|---|---|\n" + "".join(rows) if rows else ""


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "events.md": events_page,
    "cli.md": cli_page,
    "errors.md": remedies.as_markdown,
}


def write(folder: Path) -> None:
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(*sys.argv[1:2] or ["docs"]))
