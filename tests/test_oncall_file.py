"""People, rotas and ladders stand in the teams file; everything that is wrong with it is told at once, by table and key."""

from datetime import timedelta
from pathlib import Path

import pytest

from services.errors import Misconfigured
from services.teams import load_teams, shipped_ladders
from tests.oncalls import FILE, changed, teams_of


def test_a_file_tells_people_rotas_and_ladders(tmp_path: Path) -> None:
    teams = teams_of(tmp_path)
    assert [layer.rotation for layer in teams.rotas["mes"].layers] == [timedelta(weeks=1), timedelta(hours=12)]
    assert teams.people["sam"].sites == ("Cork",)
    assert teams.teams["mes"].rota == "mes"
    assert teams.ladder_of(teams.teams["mes"]) == shipped_ladders()["standard"]
    assert teams.ladder_of(teams.teams["erp"]) is None


def test_the_shipped_ladder_goes_up_after_5_10_and_20_minutes_and_three_times_as_late_for_a_sev2() -> None:
    ladder = shipped_ladders()["standard"]
    waits = {
        severity: [step.after / timedelta(minutes=1) for step in rungs.steps]
        for severity in ("sev1", "sev2")
        if (rungs := ladder.rungs(severity))
    }
    assert waits == {"sev1": [0, 5, 10, 20], "sev2": [0, 15, 30, 60]}
    assert [step.who for step in (ladder.sev1.steps if ladder.sev1 else ())][1:] == [
        ("layer:secondary",), ("role:lead",), ("role:programme", "role:site_head"),
    ]  # fmt: skip
    assert ladder.qa_parallel == "role:qa"


def test_a_ladder_of_the_file_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    own = '\n[ladders.standard.sev1]\ntwo_roles = true\nexpires = "20m"\nsteps = [{ after = "0m", who = ["person:lea", "rota:mes"] }]\n'
    teams = teams_of(tmp_path, FILE + own)
    ladder = teams.ladder_of(teams.teams["mes"])
    assert ladder is not None
    assert (ladder.sev2, ladder.sev1 and (ladder.sev1.two_roles, ladder.sev1.expires)) == (None, (True, timedelta(minutes=20)))


def test_every_fault_is_told_at_once_with_table_and_key(tmp_path: Path) -> None:
    broken = changed(
        ('members = ["cleo", "anna"]', 'members = ["cleo", "nora"]'),
        ('time_zone = "Europe/Dublin"', 'time_zone = "Europe/Dublin"\nshape = "round"'),
        ('role = "lead"', 'rol = "lead"'),
    )
    with pytest.raises(Misconfigured) as caught:
        teams_of(tmp_path, broken)
    assert all(told in str(caught.value) for told in ("rotas.mes.shape", "people.lea.rol"))


def test_what_a_table_names_must_stand_in_another(tmp_path: Path) -> None:
    broken = changed(
        ('members = ["cleo", "anna"]', 'members = ["cleo", "nora"]'),
        ('instead_of = "ben"', 'instead_of = "bert"'),
        ('rota = "mes"\nladder = "standard"', 'rota = "mess"\nladder = "high"'),
        ('mes_config = "mes"', 'mes_config = "mesh"'),
    )
    ladder = '\n[ladders.own.sev1]\nsteps = [{ after = "0m", who = ["person:otto", "rota:night"] }]\n'
    with pytest.raises(Misconfigured) as caught:
        teams_of(tmp_path, broken + ladder)
    for told in (
        "rotas.mes.layers.secondary.members names nora, which is not described: add [people.nora]",
        "rotas.mes.overrides.0.instead_of names bert",
        "teams.mes.rota names mess",
        "teams.mes.ladder names high, which is not described: add [ladders.high], or take standard",
        "ladders.own.sev1.steps.0.who names otto, which is not described: add [people.otto]",
        "ladders.own.sev1.steps.0.who names night, which is not described: add [rotas.night]",
        "systems.mes_config names mesh, which is not described: add [teams.mesh]",
    ):
        assert told in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('rotation = "12h"', 'rotation = "12 hours"'), "rotas.mes.layers.1.rotation: is no duration; write for example 5m"),
        (('rotation = "12h"', "rotation = 12"), "rotas.mes.layers.1.rotation: is no duration"),
        (('rotation = "12h"', 'rotation = "30m"'), "rotas.mes.layers.1.rotation"),
        (('time_zone = "Europe/Dublin"', 'time_zone = "Irish time"'), "rotas.mes.time_zone: is not a zone of the tz database"),
        (("handover = 06:00:00", 'handover = 06:00:00\nfrom = "22:00"'), "from and until belong together"),
        (("handover = 06:00:00", 'handover = "06:00+01:00"'), "without an offset"),
        (("handover = 06:00:00", 'weekdays = ["monday"]'), "rotas.mes.layers.1.weekdays.0"),
        (('name = "primary"', 'name = "secondary"'), "more than one layer is called secondary"),
        (("until = 2026-02-02T06:00:00+00:00", "until = 2026-01-02T06:00:00+00:00"), "until must come after from"),
        (("from = 2026-02-01T06:00:00+00:00", "from = 2026-02-01T06:00:00"), "needs a UTC offset"),
        (('page_budget = "6/1h"', "page_budget = 6"), "people.cleo.page_budget: must read PAGES/TIME such as 3/15m 7/1h"),
        (('page_budget = "6/1h"', 'page_budget = "0/1h"'), "people.cleo.page_budget: must read PAGES/TIME such as 3/15m 7/1h"),
        (('page_budget = "6/1h"', 'page_budget = "6/1h none"'), "people.cleo.page_budget: must read"),
        (('page = ["pager:cleo"]', 'page = ["cleo"]'), "people.cleo.page.0"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        teams_of(tmp_path, changed(change))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("ladder", "said"),
    [
        ('steps = [{ after = "10m", who = ["team"] }, { after = "5m", who = ["team"] }]', "in the order of `after`"),
        ('steps = [{ after = "10m", who = ["everybody"] }]', "ladders.own.sev1.steps.0.who.0"),
        ("steps = []", "ladders.own.sev1.steps"),
        ('steps = [{ after = "0m", who = [] }]', "ladders.own.sev1.steps.0.who"),
    ],
)
def test_a_ladder_that_cannot_be_climbed_is_refused(tmp_path: Path, ladder: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        teams_of(tmp_path, f"{FILE}\n[ladders.own.sev1]\n{ladder}\n")


def test_the_digest_that_a_decision_keeps_is_that_of_what_decides(tmp_path: Path) -> None:
    before = teams_of(tmp_path).digest()
    assert teams_of(tmp_path, changed(('members = ["anna", "ben"]', 'members = ["ben", "anna"]'))).digest() == before
    assert teams_of(tmp_path, changed(('mes_config = "mes"', 'mes_config = "erp"'))).digest() != before
    assert load_teams(None).digest() == "22134535eced9c362e456e8d6c72f46ac661fe2e1ee840b0a7664f77070aa059", "earlier decisions hold it"
