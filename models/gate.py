"""What keeps a version from deciding: it is held against the one that decides now, on the frozen corpus that both were measured on.

The limits are those of the reliability notes on poisoned corrections: a version may lose a point of macro-F1, half a point of Sev1 recall,
and move the share of answers of a system by five points.
"""

from collections.abc import Iterator

from models.manifest import Manifest

MOST_LOST_F1 = 0.01
MOST_LOST_SEV1_RECALL = 0.005
MOST_MOVED = 0.05
ANSWERED = "answered_"
COMPARED = ("macro_f1", "strict_mean", "right_mean", "severity_mean", "sev1_candidate_recall", "sev1_candidates", "calibration_error")


def objections(champion: Manifest, challenger: Manifest) -> tuple[str, ...]:
    """Each in a sentence; none: it may be promoted."""
    return tuple(_objections(champion, challenger))


def _objections(champion: Manifest, challenger: Manifest) -> Iterator[str]:
    before, after = champion.content, challenger.content
    if before.data.measured != after.data.measured or before.data.measured is None:
        yield "the two were not measured on the same frozen tickets: train both from the carried corpus"
        return
    if missing := set(before.systems) - set(after.systems):
        yield f"it does not know {', '.join(sorted(missing))}"
    lost = before.scores["macro_f1"] - after.scores["macro_f1"]
    if lost > MOST_LOST_F1:
        yield f"macro-F1 on the frozen tickets falls by {lost:.4f}, more than {MOST_LOST_F1:g}"
    lost = before.scores["sev1_candidate_recall"] - after.scores["sev1_candidate_recall"]
    if lost > MOST_LOST_SEV1_RECALL:
        yield f"Sev1 recall on the frozen tickets falls by {lost:.4f}, more than {MOST_LOST_SEV1_RECALL:g}"
    for name in sorted(name for name in before.scores if name.startswith(ANSWERED)):
        moved = after.scores.get(name, 0.0) - before.scores[name]
        if abs(moved) > MOST_MOVED:
            yield f"the share of answers {name.removeprefix(ANSWERED)} moves by {moved:+.4f}, more than {MOST_MOVED:g}"
