"""What panels ask Prometheus for: the series of hypercare with the board's variables in their selectors."""

AT_SITE = 'site=~"$site"'
CHOSEN = f'golive=~"$golive", {AT_SITE}, wave=~"$wave"'


def once(series: str) -> str:
    """Replicas tell the same figures: take each series once."""
    return f"max without (instance, job) ({series})"


def of_site(name: str, **labels: str) -> str:
    """A series of the chosen sites; each label is matched as a regular expression."""
    return once(f"hypercare_{name}{{{_matched(AT_SITE, labels)}}}")


def of_golive(name: str, **labels: str) -> str:
    """A series of the chosen go-lives."""
    return once(f"hypercare_golive_{name}{{{_matched(CHOSEN, labels)}}}")


def _matched(chosen: str, labels: dict[str, str]) -> str:
    return ", ".join([chosen, *(f'{label}=~"{values}"' for label, values in labels.items())])


def in_time(taken: str, severity: str, seconds: int) -> str:
    """The share of tickets of a severity that took no longer; nothing where there is no such ticket."""
    within = of_site(f"ticket_{taken}_seconds_bucket", severity=severity, le=str(float(seconds)))
    every = of_site(f"ticket_{taken}_seconds_count", severity=severity)
    return f"sum by (severity) ({within}) / (sum by (severity) ({every}) > 0)"
