"""A card as Markdown."""

from collections.abc import Iterable

from models.card import Card, Figure, Group, GroupLine
from models.confusion import Matrix

_HEAD = """# Model card: {version}

## What it is for

Routes a ticket to one of {systems}; suggests a severity, a kind and a GxP flag. It suggests; rules and people decide: a floor or a
reporter's claim is never lowered, a Sev1 is confirmed by a person, and below its system's threshold a ticket goes to the triage queue. It
reads title, body and reporter's role, at most 8,000 characters, and never a name; the site only chooses its calibration. It does not
decide on product, deviations or records. The weights are fixed: nothing is learned while it runs, and the same text gets the same answer
everywhere.

Learned from {tickets} tickets of {writers} writers and {practice} practice tickets (SHA-256 of both `{data}`), text features
`{features}`, with {made_with}. {goldens} recorded answers are given again each time it is loaded. Its files:
{files}.
{other}
This page, [card.json](card.json) and the figures hold the same numbers; all are written when the version is measured.

## How it was measured

Each writer's tickets were scored by a model that had learned from the other writers only, with calibration and thresholds chosen on the
others' scores. *Strict* counts the reader's first answer, *right* also the alternative that the reader could defend. *Severity* is the
likeliest one. *Routed* is the share that would have gone out without a person, *routed right* how much of that was right. By what was
answered, strict is a system's precision; by the reader's system, its recall.

In brackets stand 95 % intervals (Wilson 1927). They take tickets for independent, but those of one writer are alike: what a new writer
would get, the spread of the writers tells better, here {least:.3f} to {most:.3f} right.
"""

_OTHER = """
**This version was not made from the tickets that were measured here ({tickets} of {writers} writers, SHA-256 `{data}`): the shares below
are those of a version that is.**
"""

_LINES = "| {group} | tickets | strict | right | severity | routed | routed right |\n|---|---|---|---|---|---|---|\n"

_RELIABILITY = """## Does a stated confidence come true?

![Reliability of the confidence and of the Sev1 risk](figures/reliability.svg)

Fifteen bins of equal mass, with 95 % intervals; on the dashed line what is said comes true exactly.
"""

_COVERAGE = """## What a threshold costs

![Share routed against share right for each system](figures/coverage.svg)

From left to right the threshold falls: more goes out without a person, less of it is right. The diamond is the version's own threshold.
Far to the left there are few tickets: there a single one that was wrong shows.

| system | threshold | in the set from | answered | routed | routed right |
|---|---|---|---|---|---|
"""

_LEARNING = """## Would more tickets help?

![Shares right against the number of tickets learned from](figures/learning.svg)

Here writers were left out in groups, so that even the last line learned from fewer of them than the tables above.

| part | tickets learned from | strict | right | severity |
|---|---|---|---|---|
"""

_FLOORS = """## Floors

A Sev1 floor held for {sev1_recall} of the readers' Sev1 tickets and for {sev1_false_alarms} of the others; a GxP floor for
{gxp_recall} of the flagged tickets and for {gxp_false_alarms} of the others. Floors read what is written out; most tickets describe
the effect in other words, which is why the model's Sev1 risk stands beside them.

| rule | held for | reader's severity at least the floor's | reader flagged GxP |
|---|---|---|---|
"""

_REFERENCE = """## What its answers look like

The running system's answers can be held against these, which are the left-out tickets' own: drift shows as a difference.

- confidence in ten bins from 0 to 1: {confidence}
- systems in a prediction set, mean: {set_size:g}
- words that it does not know, mean share: {unknown_words:.1%}
"""

_LIMITS = """## Limits

- It is no evidence for a site: the tickets were written for this purpose, none comes from a real desk. A site tests a version on its own.
- One reader a ticket and no second reading: how many labels are wrong is unknown, and so is how high a share could be.
- {writers} writers, each with an own voice and own plants: what the intervals say, they say of these.
- {practice} practice tickets were written by a language model and read by nobody a second time. They are learned from, never measured on.
- {seen} of the measured tickets were read when themes of practice and words of the lexicon were chosen. If all of those count as wrong, the
  writers' mean is {strict_mean_seen_as_wrong:.3f} strict instead of {strict_mean:.3f}
  and {right_mean_seen_as_wrong:.3f} right instead of {right_mean:.3f}.
- How to train (features, costs, weights) was chosen on the same left-out writers, so the next writer will do a little worse than these.
- Systems and severities follow quotas and are no site's base rate: confidence, Sev1 risk and shares answered will differ there.
- Severity is a local convention. Until a site has confirmed tickets of its own, take the suggestion as a hint.
- Languages other than English have few tickets{few}; there a person should confirm.
"""

_FEW = 50


def _cells(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _line(line: GroupLine) -> str:
    return _cells(line.group, line.tickets, line.strict, line.right, line.severity, line.routed, line.routed_right)


def _lines(group: Group, more: Iterable[GroupLine] = ()) -> str:
    return _LINES.format(group=group.name) + "\n".join(map(_line, [*group.lines, *more])) + "\n"


def _matrix(matrix: Matrix) -> str:
    """What lies on the diagonal of a square one is bold."""
    square = matrix.rows == matrix.columns
    head = [_cells(f"{matrix.down} ↓ {matrix.across} →", *matrix.columns, "all"), "|---" * (len(matrix.columns) + 2) + "|"]
    rows = [
        _cells(
            name,
            *(f"**{count}**" if square and name == column else count for column, count in zip(matrix.columns, row, strict=True)),
            sum(row),
        )
        for name, row in zip(matrix.rows, matrix.counts, strict=True)
    ]
    return "\n".join([*head, *rows]) + "\n"


def _other(card: Card) -> str:
    data = card.material.data
    told = _OTHER.format(tickets=data.tickets, writers=len(data.writers), data=data.sha256[:12])
    return "" if card.material.same else told


def _head(card: Card) -> str:
    data, rights = card.material.data, [line.right.share for line in card.groups[0].lines]
    return _HEAD.format(
        version=card.version,
        systems=", ".join(card.systems),
        tickets=data.tickets,
        writers=len(data.writers),
        practice=data.practice,
        data=data.sha256[:12],
        features=card.features,
        made_with=", ".join(f"{name} {number}" for name, number in sorted(card.made_with.items())),
        goldens=card.goldens,
        files=", ".join(f"`{name}` `{mark.sha256[:12]}`" for name, mark in sorted(card.files.items())),
        other=_other(card),
        least=min(rights),
        most=max(rights),
    )


def _figure(figure: Figure) -> str:
    told = f"{figure.interval}, of {figure.interval.of}" if figure.interval else f"{figure.value:g}"
    return f"- {figure.name.replace('_', ' ')}: {told}"


def _figures(card: Card) -> str:
    shown = [figure for figure in card.figures if not figure.name.startswith("answered_")]
    return "## Figures\n\n" + "\n".join(map(_figure, shown)) + "\n"


def _confusions(card: Card) -> str:
    told = [f"### By {matrix.name}\n\n{_matrix(matrix)}" for matrix in card.confusions]
    return "## What was taken for what\n\n" + "\n".join(told)


def _coverage(card: Card) -> str:
    thresholds = card.thresholds
    lines = [
        _cells(
            told.system,
            f"{told.chosen.threshold:.4f}",
            f"{thresholds.in_set.get(told.system, 0):.4f}",
            told.chosen.routed.of,
            told.chosen.routed,
            told.chosen.right,
        )
        for told in card.coverage
    ]
    rest = f"\nA Sev1 risk from {thresholds.sev1_candidate:.4f} on has a person look at once.\n"
    return _COVERAGE + "\n".join(lines) + "\n" + rest


def _learning(card: Card) -> str:
    lines = [_cells(f"{point.part:.0%}", point.tickets, point.strict, point.right, point.severity) for point in card.learning]
    return _LEARNING + "\n".join(lines) + "\n"


def _floors(card: Card) -> str:
    held = card.floors
    names = ("sev1_recall", "sev1_false_alarms", "gxp_recall", "gxp_false_alarms")
    rules = [_cells(line.rule, line.hits, line.at_least, line.gxp) for line in held.rules]
    return _FLOORS.format(**{name: getattr(held, name) for name in names}) + "\n".join(rules) + "\n"


def _reference(card: Card) -> list[str]:
    if card.reference is None:
        return []
    told = card.reference
    shares = ", ".join(f"{share:.1%}" for share in told.confidence)
    return [_REFERENCE.format(confidence=shares, set_size=told.set_size, unknown_words=told.unknown_words)]


def _limits(card: Card) -> str:
    data, figures = card.material.data, {figure.name: figure.value for figure in card.figures}
    languages = next(group for group in card.groups if group.name == "language").lines
    few = ", ".join(f"{line.group} {line.tickets}" for line in languages if line.tickets < _FEW)
    told = f", some of them too few to judge ({few})" if few else ""
    return _LIMITS.format(writers=len(data.writers), practice=data.practice, seen=card.material.seen, few=told, **figures)


def page(card: Card) -> str:
    """Markdown. Its figures stand in `figures`."""
    writers, *others = card.groups
    sections = [
        _head(card),
        _lines(writers, [card.overall]),
        *map(_lines, others),
        "Tickets per system and language:\n\n" + _matrix(card.mix),
        _figures(card),
        _confusions(card),
        _RELIABILITY,
        _coverage(card),
        _learning(card),
        _floors(card),
        *_reference(card),
        _limits(card),
    ]
    return "\n".join(sections)
