"""The whole bad list is refused before anything connects: real name lookups, answered by a name server of our own."""

from typing import Any

import pytest

from tests.name_server import PUBLIC, can_be_alone, sent_alone
from tests.test_webhook import INSIDE, UNREADABLE

REBOUND = {"rebound.test": [[PUBLIC], ["127.0.0.1"], [PUBLIC], ["169.254.169.254"]]}
MIXED = {
    "public-first.test": [[PUBLIC, "10.0.0.1"]],
    "private-first.test": [["10.0.0.1", PUBLIC]],
    "second-is-v6.test": [[PUBLIC, "::1"]],
    "v6-is-mapped.test": [[PUBLIC, "::ffff:169.254.169.254"]],
    "v6-is-private.test": [[PUBLIC, "fd00:ec2::254"]],
}
ZONELESS = {f"inside-{place}.test": [[address]] for place, address in enumerate(INSIDE.values()) if "%" not in address}
alone = pytest.mark.skipif(not can_be_alone(), reason="NOT RUN: this machine lets nobody have a network of their own (unshare -rmn)")


def refused_inside(told: dict[str, Any]) -> set[str]:
    return {url for url, reason in told["told"] if reason.startswith("The webhook address is refused")}


@alone
def test_a_name_that_leads_inside_in_any_way_is_refused_before_connecting() -> None:
    urls = [f"{scheme}://{name}/" for name in MIXED | ZONELESS for scheme in ("https", "http")]
    told = sent_alone(MIXED | ZONELESS, urls)
    assert refused_inside(told) == {*urls}
    assert told["connections"] == 0
    assert told["asked"] == sorted(MIXED | ZONELESS), "each name was really looked up"


@alone
def test_every_address_of_the_bad_list_is_refused_without_asking_a_name_server() -> None:
    urls = [url.replace("{port}", "443") for url in UNREADABLE.values()] + ["https://169.254.169.254/", "https://[fd00:ec2::254]/"]
    told = sent_alone({"good.test": [[PUBLIC]]}, urls)
    assert refused_inside(told) == {*urls}
    assert (told["connections"], told["asked"]) == (0, [])


@alone
def test_a_name_that_is_bound_again_between_two_attempts_is_refused_the_second_time() -> None:
    urls = [f"https://rebound.test/{attempt}" for attempt in range(4)]
    told = sent_alone(REBOUND, urls)
    assert refused_inside(told) == {urls[1], urls[3]}
    assert told["connections"] == 2, "the attempts at the public address were made, so a connection would have been seen"
