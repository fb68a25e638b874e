"""Whose a target is: which pages count together, how many there may be, and which clock hangs on the wall there. From the teams file."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from services.dispatcher.budget import PERSONAL, SHIPPED, Budget, read_budget
from services.dispatcher.slots import Target
from services.teams import Teams


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person, with the targets at which they are woken, or a target that is nobody's own. `zone` None: UTC."""

    targets: tuple[Target, ...]
    budget: Budget
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class Addressees:
    """`budget`: of a target that is nobody's own, and of a person without another."""

    budget: Budget = SHIPPED
    teams: Teams | None = None

    def of(self, target: Target) -> Addressee:
        key = self.teams.person_at(*target) if self.teams else None
        if self.teams is None or key is None:
            return Addressee((target,), self.budget)
        person = self.teams.people[key]
        told = {*person.targets("page"), *person.targets("notify")}
        own = tuple(sorted(each for each in told if each[0] in PERSONAL and self.teams.person_at(*each) == key))
        budget = read_budget(person.page_budget) if person.page_budget else self.budget
        return Addressee(own, budget, ZoneInfo(person.time_zone) if person.time_zone else None)


ALIKE = Addressees()
"""Everybody has the shipped budget, and nobody a clock of their own."""
