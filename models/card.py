"""The card of a model version: what it learned from and how well it does on writers it has not seen. Every number is measured."""

from collections.abc import Iterable, Sequence

from models.evaluate import Line, Report
from models.floor_report import FloorReport, RuleLine
from models.manifest import Manifest

_HEAD = """# Model card: {version}

Routes a ticket to one of {systems}, suggests a severity and a GxP flag. It suggests; rules and people decide: a floor or a
reporter's claim is never lowered, and below its system's threshold a ticket goes to the triage queue. It reads title, body and reporter's
role, at most 8,000 characters, and never the site or a name. It does not decide on product, deviations or records.

Learned from {tickets} tickets of {writers} writers and {practice} practice tickets (SHA-256 of both `{data}`), text features
`{features}`, with {made_with}.
This page is written by `python -m models evaluate`.

## How it was measured

Each writer's tickets were scored by a model that had learned from the other writers only, with calibration and thresholds chosen on the
others' scores. *Strict* counts the reader's first answer, *right* also the alternative that the reader could defend. *Routed* is the
share that would have gone out without a person, *routed right* how much of that was right.
"""

_LINES = "| {group} | tickets | strict | right | severity | routed | routed right |\n|---|---|---|---|---|---|---|\n"

_FLOORS = """## Floors

A Sev1 floor held for {sev1_recall:.1%} of the readers' Sev1 tickets and for {sev1_false_alarms:.1%} of the others; a GxP floor for
{gxp_recall:.1%} of the flagged tickets and for {gxp_false_alarms:.1%} of the others. Floors read what is written out; most tickets describe
the effect in other words, which is why the model's Sev1 risk stands beside them.

| rule | held for | reader's severity at least the floor's | reader flagged GxP |
|---|---|---|---|
"""

_LIMITS = """
## Limits

- The corpus was written for this purpose, one reader a ticket; its mix of systems and severities follows quotas and is no site's base rate.
- Severity is a local convention. Until a site has confirmed tickets of its own, take the suggestion as a hint.
- Languages other than English have few tickets; there a person should confirm.
"""


def _line(line: Line) -> str:
    shares = (line.strict, line.right, line.severity, line.routed, line.routed_right)
    return f"| {line.group} | {line.tickets} | " + " | ".join(f"{share:.3f}" for share in shares) + " |"


def _lines(group: str, lines: Iterable[Line]) -> str:
    return _LINES.format(group=group) + "\n".join(map(_line, lines)) + "\n"


def _rule(line: RuleLine) -> str:
    return f"| {line.rule} | {line.hits} | {line.at_least} | {line.gxp} |"


def _head(manifest: Manifest) -> str:
    content = manifest.content
    return _HEAD.format(
        version=manifest.version,
        systems=", ".join(content.systems),
        tickets=content.data.tickets,
        writers=len(content.data.writers),
        practice=content.data.practice,
        data=content.data.sha256[:12],
        features=content.features,
        made_with=", ".join(f"{name} {number}" for name, number in sorted(content.made_with.items())),
    )


def _figures(figures: dict[str, float]) -> str:
    return "\n".join(f"- {name.replace('_', ' ')}: {value:g}" for name, value in sorted(figures.items()))


def _thresholds(manifest: Manifest) -> str:
    pairs: Sequence[tuple[str, float]] = list(zip(manifest.content.systems, manifest.content.calibration.thresholds, strict=True))
    return "\n".join(f"- {system}: {threshold:.4f}" for system, threshold in pairs)


def _floors(floors: FloorReport) -> str:
    names = ("sev1_recall", "sev1_false_alarms", "gxp_recall", "gxp_false_alarms")
    return _FLOORS.format(**{name: getattr(floors, name) for name in names}) + "\n".join(map(_rule, floors.rules)) + "\n"


def card(manifest: Manifest, report: Report, floors: FloorReport) -> str:
    """Markdown."""
    sections = [
        _head(manifest),
        _lines("writer", [*report.writers, report.overall]),
        *(_lines(group, lines) for group, lines in report.groups.items()),
        "## Figures\n\n" + _figures(report.figures),
        "\n## Confidence from which a system is routed\n\n" + _thresholds(manifest) + "\n",
        _floors(floors) + _LIMITS,
    ]
    return "\n".join(sections)
