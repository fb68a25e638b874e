"""The series of the model: label values and value of each, from what is watched. Names that come from people are bounded as elsewhere."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from services.stabilisation.scrape import MOST_SYSTEMS, OTHER, Scrape
from services.stabilisation.watching import Share, Watched

Series = Iterable[tuple[tuple[str, ...], float]]
MOST_REPLICAS = 50


def version(scrape: Scrape) -> Series:
    return [((scrape.watched.version,), 1.0)] if scrape.watched else []


def figure(of: Callable[[Watched], float | None]) -> Callable[[Scrape], Series]:
    """A series without labels; absent where the figure is."""

    def query(scrape: Scrape) -> Series:
        value = of(scrape.watched) if scrape.watched else None
        return [] if value is None else [((), float(value))]

    return query


def ratio(share: Share) -> float | None:
    return share.part / share.whole if share.whole else None


def ratio_per_site(of: Callable[[Watched], Mapping[str, Share]]) -> Callable[[Scrape], Series]:
    """Absent where nothing was counted."""
    return lambda scrape: _ratios(of(scrape.watched), scrape.site) if scrape.watched else []


def precision(scrape: Scrape) -> Series:
    return _ratios(scrape.watched.right, _named(scrape.watched)) if scrape.watched else []


def judged(scrape: Scrape) -> Series:
    counts = dict.fromkeys(scrape.sites if scrape.watched else (), 0)
    for site, share in scrape.watched.overridden.items() if scrape.watched else ():
        counts[scrape.site(site)] += share.whole
    return (((site,), float(count)) for site, count in counts.items())


def autonomy(scrape: Scrape) -> Series:
    """What is told together may be routed alone where all of it may."""
    if scrape.watched is None:
        return
    named, may = _named(scrape.watched), dict[tuple[str, ...], bool]()
    for (site, system), allowed in scrape.watched.autonomy.items():
        place = (scrape.site(site), named(system))
        may[place] = may.get(place, True) and allowed
    yield from ((place, float(allowed)) for place, allowed in may.items())


def sev1_confirmed(scrape: Scrape) -> Series:
    counts = dict.fromkeys(scrape.sites, 0)
    for site, number in scrape.watched.sev1.items() if scrape.watched else ():
        counts[scrape.site(site)] += number
    return (((site,), float(count)) for site, count in counts.items())


def refused(scrape: Scrape) -> Series:
    """Of each replica that told what it works with: is it another version than the wanted one? Those that do are named first.

    What a replica told of a version that is not wanted any more does not count: one that is gone for good would never tell better.
    """
    wanted = scrape.releases.current
    told = scrape.releases.taken_up.values()
    other = {each.replica: each.version != each.wanted and wanted in (None, each.wanted) for each in told}
    ordered = sorted(other, key=lambda replica: (not other[replica], replica))
    yield from (((replica,), float(other[replica])) for replica in ordered[:MOST_REPLICAS])
    if ordered[MOST_REPLICAS:]:
        yield (OTHER,), float(any(other[replica] for replica in ordered[MOST_REPLICAS:]))


def known_error_hits(scrape: Scrape) -> Series:
    return (((name,), float(hits)) for name, hits in scrape.known_error_hits.items())


def _ratios(shares: Mapping[str, Share], named: Callable[[str], str]) -> Iterator[tuple[tuple[str, ...], float]]:
    sums: dict[str, Share] = {}
    for name, share in shares.items():
        sums[named(name)] = sums.get(named(name), Share()).plus(share)
    return (((name,), share.part / share.whole) for name, share in sums.items())


def _named(watched: Watched) -> Callable[[str], str]:
    systems = frozenset(watched.systems[:MOST_SYSTEMS])
    return lambda system: system if system in systems else OTHER
