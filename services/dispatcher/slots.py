"""Who may be sent to now, so that slow and broken targets never hold up the others."""

from collections import Counter

Target = tuple[str, str]
"""Channel and address."""

LONGEST_REST = 30.0


class Slots:
    """One send at a time per target. A channel gets three quarters of the slots at most, failing targets together half.

    A target is failing from a failed send to its next good one, and rests after each failure, so that a receiver that comes back is not
    met by everything at once. Times are seconds of one monotonic clock.
    """

    def __init__(self, total: int = 32) -> None:
        self.total = total
        self._busy: set[Target] = set()
        self._rested_at: dict[Target, float] = {}

    @property
    def left(self) -> int:
        return self.total - len(self._busy)

    def take(self, target: Target, now: float) -> bool:
        """Whether the target got a slot."""
        if not self.left or target in self.closed_targets(now) or target[0] in self.closed_channels():
            return False
        self._busy.add(target)
        return True

    def give_back(self, target: Target) -> None:
        self._busy.discard(target)

    def succeeded(self, target: Target) -> None:
        self._rested_at.pop(target, None)

    def failed(self, target: Target, now: float, rest: float) -> None:
        self._rested_at[target] = now + min(rest, LONGEST_REST)

    def closed_targets(self, now: float) -> set[Target]:
        share_is_used = len(self._busy & self._rested_at.keys()) >= self.total // 2
        return self._busy | {target for target, rested_at in self._rested_at.items() if share_is_used or rested_at > now}

    def closed_channels(self) -> list[str]:
        in_use = Counter(channel for channel, _ in self._busy)
        return [channel for channel, number in in_use.items() if number >= self.total * 3 // 4]
