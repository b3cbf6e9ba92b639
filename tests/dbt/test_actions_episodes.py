"""One cause, one action: episodes, cool-down, the cap of automatic actions, budgets, and what the ledger says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.action_lab import OFF, Days, Lab, changed, day
from tests.support.compiled import rows_of
from tests.support.inputs import Row, contract

NONE = "none"


def june(number: int) -> date:
    return date(2026, 6, number)


def lab_of(folder: Path, **guards: Any) -> Lab:
    return Lab(folder, guards=changed("guards", OFF | guards))


@dataclass
class Timeline:
    """What was found on each day of a month: actions by account and action, budgets by owner, episodes by action id."""

    actions: dict[int, dict[tuple[str, str], Row]] = field(default_factory=dict)
    budgets: dict[int, dict[str, Row]] = field(default_factory=dict)
    episodes: dict[int, list[Row]] = field(default_factory=dict)

    def of(self, account_id: str, action: str = "notify_owner") -> dict[int, Row]:
        """The rows of one action by day."""
        return {on: found[account_id, action] for on, found in self.actions.items() if (account_id, action) in found}

    def status(self, account_id: str) -> dict[int, str]:
        return {on: row["status"] for on, row in self.of(account_id).items()}


# What accounts want from a day on; all begin on 1 June.
WANTS: dict[str, dict[int, str]] = {
    "steady": {1: "notify_owner"},
    "back": {1: "notify_owner", 3: NONE, 5: "notify_owner"},
    "gone": {1: "notify_owner", 2: NONE},
    "other action": {1: "notify_owner", 2: NONE, 3: "schedule_checkpoint"},
    "complains": {1: NONE, 4: "send_check_in_email"},
    "complained": {1: NONE, 4: "send_check_in_email", 5: NONE, 6: "send_check_in_email"},
    "tickets": {1: NONE},
    "worked": {1: "notify_owner"},
    "grown": {1: "notify_owner"},
}
RUNS = (1, 2, 3, 4, 5, 6, 8, 14, 15)


def move(account_id: str, action_id: str, to_status: str, on: int, by: str = "maria", **more: Any) -> Row:
    return {
        "transition_id": f"{account_id}-{on}-{to_status}",
        "action_id": action_id,
        "account_id": account_id,
        "action": "notify_owner",
        "from_status": "queued",
        "to_status": to_status,
        "acted_by": by,
        "acted_at": datetime.combine(june(on), time(9)),
    } | more


def log(worked: str, grown: str) -> list[Row]:
    """What the ledger says of two actions."""
    return [
        move("worked", worked, "queued", 1, "engine", from_status=None),
        move("worked", worked, "executing", 2),
        move("worked", worked, "done", 3),
        move("grown", grown, "queued", 1, "engine", from_status=None),
        # Put off, and back where a person had approved it.
        move("grown", grown, "queued", 3, "engine", from_status="snoozed"),
        move("grown", grown, "cause_cleared", 5, "engine"),
    ]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """Accounts without contracts, so that nothing but rules calls for anything."""
    lab = lab_of(tmp_path_factory.mktemp("month"))
    for name in WANTS:
        lab.add(name, NONE, segment="smb", renews_in=None, csm_name=name)
    for name, until in (("complains", 5), ("complained", 6)):
        lab.row(
            "signals",
            name,
            signal_id=name,
            signal_type="executive_complaint",
            observed_on=june(1),
            resolved_on=june(until),
        )
    for number, on in ((1, 1), (2, 4)):
        made = datetime(2026, 6, on, 12)
        lab.row("tickets", "tickets", ticket_id=f"t{number}", topic="lab", created_at=made)
    days, found = Days(lab), Timeline()
    for on in RUNS:
        if on == 2:
            first = found.actions[1]
            lab.streams["action_log"] += log(
                *(first[name, "notify_owner"]["action_id"] for name in ("worked", "grown"))
            )
            (grown,) = [row for row in lab.streams["accounts"] if row["account_id"] == "grown"]
            grown["segment"] = "enterprise"
        regions = {name: wants[on] for name, wants in WANTS.items() if on in wants}
        found.actions[on] = days.on(june(on), **regions)
        found.budgets[on], found.episodes[on] = days.budget, days.episodes
    return found


def test_an_episode_gives_one_action_for_as_long_as_its_cause_lasts(month: Timeline) -> None:
    rows = month.of("steady")
    assert list(rows) == list(RUNS)
    assert len({row["action_id"] for row in rows.values()}) == 1
    assert {(row["episode_started_on"], row["created_on"], row["due_on"]) for row in rows.values()} == {
        (june(1), june(1), june(1))
    }
    # A run days later is the next one, so the episode goes on.
    assert [on for on, row in rows.items() if row["is_new"]] == [1]


def test_what_ends_cools_down_before_it_is_made_again(month: Timeline) -> None:
    rows = month.of("back")
    # 14 days: 1 to 14 June.
    assert list(rows) == [1, 2, 15]
    assert rows[1]["action_id"] == rows[2]["action_id"] != rows[15]["action_id"]
    assert (rows[15]["episode_started_on"], rows[15]["created_on"]) == (june(15), june(15))
    cooling = {on: found["back"]["cooling_actions"] for on, found in month.budgets.items() if "back" in found}
    assert cooling == {1: 0, 2: 0, 5: 1, 6: 1, 8: 1, 14: 1, 15: 0}


def test_another_action_and_another_subject_do_not_cool_down(month: Timeline) -> None:
    assert list(month.of("other action")) == [1]
    assert list(month.of("other action", "schedule_checkpoint")) == [3, 4, 5, 6, 8, 14, 15]
    tickets = {
        on: sorted(row["subject"] for row in rows if row["account_id"] == "tickets" and row["is_open"])
        for on, rows in month.episodes.items()
    }
    # Tall after two days.
    assert tickets == {1: [], 2: [], 3: ["t1"], 4: ["t1"], 5: ["t1"]} | {on: ["t1", "t2"] for on in (6, 8, 14, 15)}


def test_what_guards_suppressed_is_made_when_they_let_go(month: Timeline) -> None:
    rows = month.of("complains", "send_check_in_email")
    assert (rows[4]["status"], rows[4]["created_on"], rows[4]["is_new"]) == ("suppressed", None, False)
    assert month.budgets[4]["complains"]["suppressed_actions"] == 1
    assert rows[5]["action_id"] == rows[4]["action_id"]
    assert (rows[5]["status"], rows[5]["episode_started_on"], rows[5]["created_on"]) == (
        "pending_approval", june(4), june(5),
    )  # fmt: skip
    assert rows[5]["is_new"]


def test_what_was_suppressed_does_not_cool_down(month: Timeline) -> None:
    rows = month.of("complained", "send_check_in_email")
    assert [(on, row["status"]) for on, row in rows.items()][:2] == [(4, "suppressed"), (6, "pending_approval")]
    assert rows[6]["created_on"] == june(6)
    assert not [row for row in month.episodes[5] if row["account_id"] == "complained"]


def test_an_ended_episode_is_remembered_as_long_as_it_matters(month: Timeline) -> None:
    kept = {on: [row["is_open"] for row in rows if row["account_id"] == "gone"] for on, rows in month.episodes.items()}
    assert kept == {1: [True]} | {on: [False] for on in (2, 3, 4, 5, 6, 8, 14)} | {15: []}


def test_what_people_and_connectors_did_is_the_status(month: Timeline) -> None:
    """What happened on as_of or later isn't known yet."""
    assert month.status("worked") == {1: "queued", 2: "queued", 3: "executing"} | dict.fromkeys(
        (4, 5, 6, 8, 14, 15), "done"
    )


def test_the_engines_own_word_follows_the_mode_of_today(month: Timeline) -> None:
    """From the second day on the account is an enterprise, where telling the owner takes approval."""
    assert month.status("grown") == {
        1: "queued", 2: "pending_approval", 3: "pending_approval", 4: "queued", 5: "queued",
    } | dict.fromkeys((6, 8, 14, 15), "cause_cleared")  # fmt: skip


def test_cooling_down_can_be_turned_off_or_shortened(tmp_path: Path) -> None:
    for name, cool_down in (("off", {"enabled": False}), ("short", {"days": 4})):
        lab = lab_of(tmp_path / name, cool_down=cool_down)
        lab.add("a", "notify_owner", segment="smb", renews_in=None)
        days = Days(lab)
        days.on(june(1))
        days.on(june(3), a=NONE)
        assert len(days.on(june(5), a="notify_owner")) == 1


def test_an_account_has_three_automatic_actions_in_a_week(tmp_path: Path) -> None:
    lab = Lab(tmp_path, guards=changed("guards", {"budget": {"enabled": False}}))
    lab.add("a", "all", segment="smb")
    days = Days(lab)
    first = days.on(june(1))
    # Automatic at balanced: nurture, notify, checkpoint and the score. Notifying is P2, the others P3: two by id.
    automatic = ("add_to_low_adoption_nurture", "schedule_checkpoint", "update_csm_health_score")
    by_id = sorted(automatic, key=lambda action: first["a", action]["action_id"])
    modes = {action: first["a", action]["mode"] for action in (*automatic, "notify_owner")}
    assert modes == {"notify_owner": "auto", by_id[0]: "auto", by_id[1]: "auto", by_id[2]: "approve"}
    capped = first["a", by_id[2]]
    assert capped["guards"] == "cap: over 3 automatic actions in 7 days, so at least approve"
    assert capped["status"] == "pending_approval"
    # It stays so for as long as its episode lasts, also when the week is over.
    later = days.on(june(20))
    assert later["a", by_id[2]]["mode"] == "approve"
    assert later["a", by_id[0]]["mode"] == "auto"


def test_the_week_of_the_cap_rolls(tmp_path: Path) -> None:
    guards = {"budget": {"enabled": False}, "cap": {"actions": 1}, "cool_down": {"enabled": False}}
    for on, mode in ((7, "approve"), (8, "auto")):
        lab = Lab(tmp_path / str(on), guards=changed("guards", guards))
        lab.add("a", "notify_owner", segment="smb")
        days = Days(lab)
        assert days.on(june(1))["a", "notify_owner"]["mode"] == "auto"
        # Gone since, but it counts: 1 to 7 June are seven days.
        days.on(june(2), a=NONE)
        assert days.on(june(on), a="schedule_checkpoint")["a", "schedule_checkpoint"]["mode"] == mode


def test_only_what_is_automatic_and_made_counts_for_the_cap(tmp_path: Path) -> None:
    lab = Lab(tmp_path, guards=changed("guards", {"budget": {"actions": 1}, "cap": {"actions": 1}}))
    lab.add("a", NONE, segment="smb")
    days = Days(lab)
    found = days.on(june(1), a="schedule_checkpoint")
    assert found["a", "schedule_checkpoint"]["mode"] == "auto"
    # Held back: its mode is what it would have, and it takes no place.
    found = days.on(june(2), a="all")
    held = [row for row in found.values() if row["status"] == "held_back"]
    assert held
    assert all("cap:" not in row["guards"] for row in held)


def test_an_owner_has_a_budget_a_day_the_most_urgent_first(tmp_path: Path) -> None:
    lab = Lab(tmp_path, guards=changed("guards", {"budget": {"actions": 3}, "cap": {"enabled": False}}))
    for number in range(4):
        lab.add(
            f"a{number}",
            "notify_owner" if number == 3 else "schedule_checkpoint",
            segment="smb",
            csm_name="Ida",
            renews_in=None,
        )
    lab.add("other", "schedule_checkpoint", segment="smb", csm_name="Joe", renews_in=None)
    lab.add("role", "schedule_checkpoint", segment="smb", csm_name=None, renews_in=None)
    days = Days(lab)
    first = days.on(june(1))
    made = {key for key, row in first.items() if row["created_on"]}
    plain = sorted(
        (f"a{number}" for number in range(3)), key=lambda name: first[name, "schedule_checkpoint"]["action_id"]
    )
    assert made == {
        ("a3", "notify_owner"), (plain[0], "schedule_checkpoint"), (plain[1], "schedule_checkpoint"),
        ("other", "schedule_checkpoint"), ("role", "schedule_checkpoint"),
    }  # fmt: skip
    held = first[plain[2], "schedule_checkpoint"]
    assert (held["status"], held["created_on"], held["is_new"]) == ("held_back", None, False)
    assert held["guards"] == "budget: the owner has 3 new actions today already, so held back"
    figures = ("is_person", "daily_budget", "new_actions", "created_actions", "held_back_actions")
    assert [days.budget["Ida"][name] for name in figures] == [True, 3, 4, 3, 1]
    assert [days.budget["Joe"][name] for name in figures] == [True, 3, 1, 1, 0]
    assert [days.budget["csm"][name] for name in figures] == [False, 3, 1, 1, 0]
    # The next day there is room; the action is the same.
    second = days.on(june(2))[plain[2], "schedule_checkpoint"]
    assert second["action_id"] == held["action_id"]
    assert (second["status"], second["episode_started_on"], second["created_on"]) == ("queued", june(1), june(2))


def test_what_is_due_first_goes_first(tmp_path: Path) -> None:
    """Both P3: the check-in is due in three days, the checkpoint in seven. Without contracts only rules count."""
    lab = Lab(tmp_path, guards=changed("guards", {"budget": {"actions": 1}, "cap": {"enabled": False}}))
    lab.add("a", "schedule_checkpoint", segment="smb", csm_name="Ida", renews_in=None)
    lab.add("b", "send_check_in_email", segment="smb", csm_name="Ida", renews_in=None)
    found = Days(lab).on(june(1))
    assert found["b", "send_check_in_email"]["status"] == "pending_approval"
    assert found["a", "schedule_checkpoint"]["status"] == "held_back"
    assert found["b", "send_check_in_email"]["due_on"] == june(4)
    assert found["a", "schedule_checkpoint"]["due_on"] == june(8)


def test_a_held_back_action_is_forgotten_when_its_cause_goes(tmp_path: Path) -> None:
    lab = Lab(tmp_path, guards=changed("guards", {"budget": {"actions": 1}, "cap": {"enabled": False}}))
    for name in ("a", "b"):
        lab.add(name, "schedule_checkpoint", segment="smb", csm_name="Ida", renews_in=None)
    days = Days(lab)
    (held,) = [key[0] for key, row in days.on(june(1)).items() if row["status"] == "held_back"]
    days.on(june(2), **{held: NONE})
    assert held not in {row["account_id"] for row in days.episodes if row["action"] == "schedule_checkpoint"}
    # It was never made, so it need not cool down.
    assert days.on(june(3), **{held: "schedule_checkpoint"})[held, "schedule_checkpoint"]["status"] == "queued"


def test_tickets_and_contracts_have_rules_of_their_own(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", NONE, segment="smb", ae_name="Ann Ae")
    tickets = {
        "open": {"days": 2, "priority": "urgent"},
        "calm": {"days": 3},
        "young": {"days": 1},
        "solved": {"days": 5, "solved_at": datetime(2026, 6, 29)},
    }
    for name, more in tickets.items():
        created = datetime.combine(day(more.pop("days")), time(12))
        lab.row("tickets", "a", ticket_id=name, topic="lab", created_at=created, **more)
    lab.row("tickets", "a", ticket_id="other", topic="else", created_at=datetime.combine(day(9), time(12)))
    for name, ends in (("today", 0), ("soon", -100), ("late", -101), ("over", 1)):
        lab.streams["contracts"].append(contract(name, "a", day(200), day(ends), product="Lab"))
    found = {(row["subject_kind"], row["subject"]): row for row in lab.actions(lab.world())}
    assert set(found) == {("ticket", "open"), ("ticket", "calm"), ("contract", "today"), ("contract", "soon")}
    assert found["ticket", "open"]["priority"] == "P1"
    assert found["ticket", "calm"]["priority"] == "P2"
    assert found["ticket", "calm"]["rationale"] == "Ticket calm is open for 3 days."
    assert found["ticket", "open"]["evidence"] == ('{"topic":"lab","is_open":true,"age_days":2,"priority":"urgent"}')
    assert found["contract", "soon"]["owner"] == "Ann Ae"
    assert found["contract", "soon"]["rationale"] == "Lab ends in 100 days."
    assert len({row["action_id"] for row in found.values()}) == 4


def test_of_several_rules_for_one_action_the_most_urgent_is_told(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    for region, geo in (("all", "EMEA"), ("late", "EMEA"), ("both", "EMEA"), ("both", "APAC")):
        lab.add(f"{region} {geo}", region, segment="smb", geo=geo)
    found = {row["account_id"]: row for row in lab.actions(lab.world()) if row["action"] == "notify_owner"}
    assert {name: (row["rule"], row["priority"]) for name, row in found.items()} == {
        "all EMEA": ("wants_notify_owner", "P2"),
        "late EMEA": ("late_notice", "P4"),
        "both EMEA": ("early_notice", "P3"),
        "both APAC": ("early_notice", "P1"),
    }
    assert found["both APAC"]["rationale"] == "Early."
    assert found["both APAC"]["evidence"] == '{"region":"both","geo":"APAC"}'


def test_owners_are_the_first_role_with_a_person(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("csm", "all", csm_name="Cas Csm", owner_name="Olu Owner", ae_name="Ann Ae")
    lab.add("owner", "all", csm_name=None, owner_name="Olu Owner")
    lab.add("nobody", "all", csm_name=None, owner_name=None)
    rows = lab.actions(lab.world())
    found = {(row["account_id"], row["action"]): (row["owner_role"], row["owner"]) for row in rows}
    assert found["csm", "notify_owner"] == ("csm", "Cas Csm")
    assert found["owner", "notify_owner"] == ("owner", "Olu Owner")
    assert found["nobody", "notify_owner"] == ("csm", None)
    assert found["csm", "create_discount_request"] == ("ae", "Ann Ae")
    assert found["owner", "create_discount_request"] == ("ae", None)
    assert found["owner", "schedule_checkpoint"] == ("csm", None)
    assert found["csm", "update_csm_health_score"] == ("revops", None)


def test_a_step_of_a_plan_keeps_the_day_its_action_has(tmp_path: Path) -> None:
    """Its plan is dated anew at every run; what is shown of it and its action stand since the first."""
    lab = lab_of(tmp_path)
    lab.add("leaving", renews_in=40)
    lab.signal("leaving", "rfp", 60)
    episodes: list[Row] = []
    found: dict[int, dict[str, tuple[Row, Row]]] = {}
    for on in (1, 4):
        with lab.run(
            lab.world(june(on), earlier=episodes), "retention_plans", "recommended_actions", "action_episodes"
        ) as con:
            episodes = rows_of(
                con,
                "select * exclude (as_of_date, policy_version, run_id, published_at) from published.action_episodes",
            )
            actions = {row["action_id"]: row for row in rows_of(con, "from published.recommended_actions")}
            steps = rows_of(con, "from published.retention_plans")
            found[on] = {row["step"]: (row, actions[row["action_id"]]) for row in steps}
    assert found[1].keys() == found[4].keys()
    levels = {step: row["level"] for step, (row, _) in found[4].items()}
    assert set(levels.values()) >= {"renewal"}
    for step, (row, action) in found[4].items():
        first, _ = found[1][step]
        assert row["action_id"] == first["action_id"]
        assert (row["standing_since"], action["episode_started_on"]) == (june(1), june(1))
        assert row["standing_due_on"] == action["due_on"] == first["due_on"], step
        assert action["rationale"] == row["why"]
    moved = [row for row, _ in found[4].values() if row["due_on"] != row["standing_due_on"]]
    assert moved
    assert all(row["due_on"] > row["standing_due_on"] for row in moved)


def test_evidence_and_rationale_say_what_was_seen(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add('quo"te\\', "notify_owner", owner_name=None, renews_in=None)
    (row,) = lab.actions(lab.world())
    assert row["rationale"] == "Region notify_owner, looked at 14 days; idle: not known, not known."
    assert row["evidence"] == '{"region":"notify_owner"}'


def test_running_a_day_again_gives_the_same(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    for name in ("a", "b", "c"):
        lab.add(name, "all", segment="smb")
    days = Days(lab)
    days.on(june(1))
    with lab.run(lab.world(june(2), earlier=days.episodes)) as con:
        once = rows_of(con, "select * from published.recommended_actions order by action_id")
    with lab.run(lab.world(june(2), earlier=list(reversed(days.episodes)))) as con:
        assert rows_of(con, "select * from published.recommended_actions order by action_id") == once
