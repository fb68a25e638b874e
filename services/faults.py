"""Points at which a process ends itself as if the power failed, for tests of what survives. The setting `fault` chooses one."""

import os

POINTS = (
    "api-after-commit", "dispatcher-before-send", "dispatcher-after-send", "escalation-mid-turn", "escalation-mid-step",
    "escalation-after-commit",
)  # fmt: skip
EXIT_STATUS = 9


def reach(point: str, chosen: str | None) -> None:
    if point == chosen:
        os._exit(EXIT_STATUS)
