"""Before the night a target does not work either whose last message was given up, or whose host cannot be found now."""

import socket
import threading
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.oncall import NightFault
from services.deliveries import replay
from services.dispatcher.channels import Recorder, Undelivered
from services.dispatcher.equipment import examined
from services.dispatcher.names import Names
from services.ledger import Ledger
from services.oncall.evening import check
from services.oncall.feed import Calendars
from services.oncall.given_up import given_up
from services.settings import Settings
from services.teams import Teams
from tests.dispatching import letter_of, outcomes, paged, sending, settled
from tests.lives import DESK
from tests.oncalls import changed, teams_of

BEN = "mail:ben@plant.example"
GONE = Undelivered("The mail server answered 550: no such mailbox.", retry=False)
PUBLIC, PRIVATE = "93.184.215.14", "10.20.0.7"
SETTINGS = Settings(smtp_host="post.plant.example", smtp_sender="h@plant.example", webhook_secrets=SecretStr("whsec_" + "c" * 44))
AWAY = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def page(ledger: Ledger, *refusals: Undelivered, target: str = BEN) -> str:
    """One page, refused or not."""
    post, before = Recorder(target.partition(":")[0]), len(outcomes(ledger))
    post.refuse(*refusals)
    identity = paged(ledger, target=target)
    async with sending(ledger, post):
        await settled(ledger, before + 1)
    return identity


def silent(ledger: Ledger, later: timedelta = timedelta(0)) -> dict[tuple[str, str], str]:
    with ledger.database.read() as connection:
        return given_up(connection, ledger.clock() + later)


def night(ledger: Ledger, teams: Teams, folder: Path) -> tuple[NightFault, ...]:
    now = ledger.clock()
    with ledger.database.read() as connection:
        return check(connection, Calendars(teams, folder, folder), (now, now + timedelta(hours=24)), lambda target: None).faults


async def test_a_target_whose_last_message_was_given_up_does_not_work_and_is_named_with_when_and_why(
    ledger_on_each: Ledger, tmp_path: Path
) -> None:
    teams = teams_of(tmp_path, changed(('page = ["pager:ben"]', f'page = ["{BEN}"]')))
    assert night(ledger_on_each, teams, tmp_path) == ()
    given = await page(ledger_on_each, GONE)
    at = letter_of(ledger_on_each, given)["arrived_at"]
    why = f"the last message to {BEN} on {at:%d %b %H:%M} UTC was given up: The mail server answered 550: no such mailbox; "
    assert silent(ledger_on_each) == {("mail", "ben@plant.example"): f"{why}when that is mended, `hypercare dlq replay {given}`"}
    found = night(ledger_on_each, teams, tmp_path)
    assert {fault.team for fault in found if fault.told.startswith(f"ben cannot be reached: {why}")} == {"mes"}
    two = changed(('page = ["pager:ben"]', f'page = ["{BEN}", "pager:ben"]'))
    assert night(ledger_on_each, teams_of(tmp_path, two), tmp_path) == (), "another target of theirs works"


async def test_it_works_again_once_a_message_has_arrived_or_the_old_one_is_sent_again(ledger_on_each: Ledger) -> None:
    await page(ledger_on_each)
    given = await page(ledger_on_each, GONE)
    assert silent(ledger_on_each) != {}
    ledger_on_each.write(lambda draft: replay(draft, given, DESK)).result()
    assert silent(ledger_on_each) == {}, "it is on its way"
    await page(ledger_on_each, GONE, GONE)
    assert silent(ledger_on_each) != {}
    await page(ledger_on_each)
    assert silent(ledger_on_each) == {}


async def test_what_was_given_up_is_forgotten_after_a_fortnight(ledger: Ledger) -> None:
    await page(ledger, GONE)
    assert [bool(silent(ledger, timedelta(days=days))) for days in (13, 14)] == [True, False]


async def test_a_target_s_secret_part_is_not_told(ledger: Ledger) -> None:
    await page(ledger, GONE, target="webhook:https://hooks.example/T0/secret")
    (told,) = silent(ledger).values()
    assert "webhook:hooks.example#" in told
    assert "secret" not in told


def resolving(name: str, port: int) -> list[str]:
    if name == "away.example":
        raise AWAY
    return {"inside.example": [PRIVATE], "empty.example": []}.get(name, [PUBLIC])


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("https://away.example/hook", "the name away.example could not be resolved now: Temporary failure in name resolution"),
        ("away.example", "the name away.example could not be resolved now: Temporary failure in name resolution"),
        ("https://empty.example/", "The name empty.example has no address"),
        ("https://inside.example/", "inside.example leads to an address inside a private network"),
        ("https://10.20.0.7/", "10.20.0.7 leads to an address inside a private network"),
        ("http://hooks.example/", "must begin with https"),
        ("not a url://", "must read https://host"),
        ("https://hooks.example/", None),
        ("inside.example", None),
    ],
)
def test_a_name_is_looked_up_under_the_rules_of_its_channel(place: str, fault: str | None) -> None:
    found = Names(resolve=resolving).faults([place])
    assert fault in found[place] if fault else found == {}


def test_a_permitted_network_inside_the_plant_is_called() -> None:
    inside = (ip_network("10.20.0.0/16"),)
    assert Names(inside, resolving).faults(["https://inside.example/", "http://inside.example:9093/", "https://10.20.0.7/"]) == {}


def test_a_name_server_that_does_not_answer_is_left_at_the_deadline_and_accuses_nobody_else() -> None:
    ended = threading.Event()

    def slow(name: str, port: int) -> list[str]:
        if name.startswith("slow"):
            ended.wait(60)
        return [PUBLIC]

    hosts = [f"slow{number}.example" for number in range(5)]
    found = Names(resolve=slow, seconds=0.3).faults([*hosts, "good.example"])
    ended.set()
    assert found == {host: f"the name {host} could not be resolved now: no answer within 0.3 seconds" for host in hosts}


def test_a_word_that_is_no_host_is_named_by_the_real_resolver() -> None:
    assert Names(seconds=30).faults(["post..plant", "localhost"]) == {
        "post..plant": "the name post..plant could not be resolved now: that is no name of a host"
    }


def test_each_target_is_examined_by_the_host_that_its_message_is_handed_to(tmp_path: Path) -> None:
    """Those that the settings rule out are named for that, and not looked up; a chat and a screen have no host that could be asked for."""
    targets = [
        "mail:ben@plant.example",
        "webhook:https://away.example/x",
        "alertmanager:https://hooks.example",
        "console:x",
        "apprise:chat",
    ]
    teams = Teams.model_validate({"systems": {"erp": "erp"}, "teams": {"erp": {"page": targets}}})
    asked: list[str] = []

    def resolve(name: str, port: int) -> list[str]:
        asked.append(name)
        return resolving(name, port)

    look = examined(SETTINGS, teams, resolve)
    faults = {channel: look((channel, address)) for channel, _, address in (target.partition(":") for target in targets)}
    assert {channel for channel, fault in faults.items() if fault} == {"webhook", "apprise"}
    assert "could not be resolved now" in str(faults["webhook"])
    assert "HYPERCARE_CHAT_URLS" in str(faults["apprise"])
    assert sorted(asked) == ["away.example", "hooks.example", "post.plant.example"]
