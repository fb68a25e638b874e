"""The exit criteria at every stand-up: a tall bar where one held, a low one where it did not."""

from collections.abc import Iterator

from schemas.golive_figures import Sat
from services.stabilisation.markup import Markup
from services.stabilisation.report.document import Figure
from services.stabilisation.report.drawing import WIDTH, box, legend, svg, text
from services.stabilisation.report.kept import Kept, several

ROW, HEAD, NAMES = 15, 26, 150
MOST_DAYS = 60
TALL = {"pass": 12.0, "waived": 8.0, "fail": 3.5, "unknown": 1.5}


def strip_figure(kept: Kept) -> Figure | None:
    """None where the snapshot does not hold the days before it."""
    sittings = _looks(kept)
    if not sittings:
        return None
    readiness = kept.status.readiness
    height = HEAD + ROW * len(readiness.criteria) + 20
    said = f"{readiness.passed} of {readiness.of} criteria hold; looked at {several(len(sittings), 'time')}, at every stand-up."
    shapes = [legend([("pass", "held"), ("waived", "waived"), ("fail", "did not hold"), ("unknown", "not known")]), *_rows(kept)]
    wide = _wide(len(sittings))
    first, last = (f"{kept.local(sittings[place].at):%d %b}" for place in (0, -1))
    ends = [text(NAMES, height - 6, first, "quiet"), text(NAMES + wide * len(sittings), height - 6, last, "quiet", "end")]
    return Figure("Exit criteria, day by day", said, svg(said, height, [*shapes, *(ends if len(sittings) > 5 else ends[1:])]))


def _looks(kept: Kept) -> list[Sat]:
    """One for each instant: the last stand-up may be now."""
    return list({each.at: each for each in kept.status.sittings}.values())[-MOST_DAYS:]


def _wide(days: int) -> float:
    return min((WIDTH - NAMES - 10) / days, 24.0)


def _rows(kept: Kept) -> Iterator[Markup]:
    sittings = _looks(kept)
    wide = _wide(len(sittings))
    for place, criterion in enumerate(kept.status.readiness.criteria):
        bottom = HEAD + ROW * (place + 1)
        yield text(0, bottom - 3, criterion.id.replace("_", " ")[:24])
        for number, sitting in enumerate(sittings):
            tall = TALL[sitting.verdicts[place]]
            yield box(sitting.verdicts[place], NAMES + wide * number + 0.5, bottom - tall, wide - 1, tall)
