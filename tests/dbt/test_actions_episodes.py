"""One cause, one action: episodes, cool-down, the cap of automatic actions, budgets, and what the ledger says."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from tests.dbt.action_lab import OFF, Days, Lab, changed, day, rules_only
from tests.support.compiled import rows_of
from tests.support.inputs import Row, contract

NONE = "none"


def june(number: int) -> date:
    return date(2026, 6, number)


def lab_of(folder: Path, **guards: Any) -> Lab:
    return Lab(folder, guards=changed("guards", OFF | guards))


def ids(rows: dict[tuple[str, str], Row]) -> dict[tuple[str, str], str]:
    return {key: row["action_id"] for key, row in rows.items()}


def test_an_episode_gives_one_action_for_as_long_as_its_cause_lasts(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb")
    days = Days(lab)
    first = days.on(june(1))["a", "notify_owner"]
    assert (first["episode_started_on"], first["created_on"], first["is_new"]) == (june(1), june(1), True)
    # A run a week later is the next one, so the episode goes on.
    later = days.on(june(8))["a", "notify_owner"]
    assert later["action_id"] == first["action_id"]
    assert (later["episode_started_on"], later["created_on"], later["is_new"]) == (june(1), june(1), False)
    assert later["due_on"] == first["due_on"] == june(1)


def test_what_ends_cools_down_before_it_is_made_again(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb", renews_in=None)
    days = Days(lab)
    first = ids(days.on(june(1)))
    assert days.on(june(3), a=NONE) == {}
    # 14 days: 1 to 14 June.
    assert days.on(june(5), a="notify_owner") == {}
    assert days.budget["Cas Csm"]["cooling_actions"] == 1
    assert days.on(june(14)) == {}
    again = days.on(june(15))
    assert ids(again) != first
    assert again["a", "notify_owner"]["episode_started_on"] == june(15)
    assert days.budget["Cas Csm"]["cooling_actions"] == 0


def test_cooling_down_can_be_turned_off_or_shortened(tmp_path: Path) -> None:
    for name, cool_down in (("off", {"enabled": False}), ("short", {"days": 4})):
        lab = lab_of(tmp_path / name, cool_down=cool_down)
        lab.add("a", "notify_owner", segment="smb", renews_in=None)
        days = Days(lab)
        days.on(june(1))
        days.on(june(3), a=NONE)
        assert len(days.on(june(5), a="notify_owner")) == 1


def test_other_actions_accounts_and_subjects_do_not_cool_down(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb")
    lab.add("b", NONE, segment="smb")
    days = Days(lab)
    days.on(june(1))
    days.on(june(2), a=NONE)
    found = days.on(june(3), a="schedule_checkpoint", b="notify_owner")
    assert set(found) == {("a", "schedule_checkpoint"), ("b", "notify_owner")}
    for number in (1, 2):
        columns = {"ticket_id": f"t{number}", "topic": "lab", "created_at": datetime(2026, 6, 1, 12)}
        lab.row("tickets", "a", **columns)
        with lab.run(lab.world(june(3 + number), earlier=days.episodes)) as con:
            tickets = [row["subject"] for row in rules_only(con) if row["subject_kind"] == "ticket"]
        assert tickets == [f"t{one}" for one in range(1, number + 1)]


def test_what_guards_suppressed_is_made_when_they_let_go(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "send_check_in_email", segment="smb", renews_in=None)
    lab.row("signals", "a", signal_id="s", signal_type="executive_complaint", observed_on=june(1), resolved_on=june(5))
    days = Days(lab)
    held = days.on(june(4))["a", "send_check_in_email"]
    assert (held["status"], held["created_on"], held["is_new"]) == ("suppressed", None, False)
    assert days.budget["Cas Csm"]["suppressed_actions"] == 1
    free = days.on(june(5))["a", "send_check_in_email"]
    assert free["action_id"] == held["action_id"]
    assert (free["status"], free["episode_started_on"], free["created_on"]) == ("pending_approval", june(4), june(5))
    assert free["is_new"]


def test_what_was_suppressed_does_not_cool_down(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "send_check_in_email", segment="smb")
    lab.row("signals", "a", signal_id="s", signal_type="executive_complaint", observed_on=june(1), resolved_on=june(6))
    days = Days(lab)
    days.on(june(4))
    days.on(june(5), a=NONE)
    assert days.episodes == [] or all(row["action"] != "send_check_in_email" for row in days.episodes)
    assert days.on(june(6), a="send_check_in_email")["a", "send_check_in_email"]["created_on"] == june(6)


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


def test_an_ended_episode_is_remembered_as_long_as_it_matters(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb")
    days = Days(lab)
    days.on(june(1))
    for number, remembered in ((2, True), (14, True), (15, False)):
        days.on(june(number), a=NONE)
        ended = [row for row in days.episodes if row["action"] == "notify_owner"]
        assert [row["is_open"] for row in ended] == [False] * remembered


def move(action_id: str, to_status: str, on: int, by: str = "maria", **more: Any) -> Row:
    return {
        "transition_id": f"{on}-{to_status}-{by}",
        "action_id": action_id,
        "account_id": "a",
        "action": "notify_owner",
        "from_status": "queued",
        "to_status": to_status,
        "acted_by": by,
        "acted_at": datetime.combine(june(on), time(9)),
    } | more


def test_what_people_and_connectors_did_is_the_status(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb")
    days = Days(lab)
    action = days.on(june(1))["a", "notify_owner"]["action_id"]
    log = lab.streams["action_log"]

    def status(number: int) -> str:
        return days.on(june(number))["a", "notify_owner"]["status"]

    log += [
        move(action, "queued", 1, "engine", from_status=None),
        move(action, "executing", 2),
        move(action, "done", 3),
    ]
    # What happened on as_of or later isn't known yet.
    assert status(2) == "queued"
    assert status(3) == "executing"
    assert status(4) == "done"
    assert status(9) == "done"


def test_the_engines_own_word_follows_the_mode_of_today(tmp_path: Path) -> None:
    lab = lab_of(tmp_path)
    lab.add("a", "notify_owner", segment="smb")
    days = Days(lab)
    action = days.on(june(1))["a", "notify_owner"]["action_id"]
    lab.streams["action_log"] += [move(action, "queued", 1, "engine", from_status=None)]
    lab.streams["accounts"][0]["segment"] = "enterprise"
    assert days.on(june(2))["a", "notify_owner"]["status"] == "pending_approval"
    # Put off and back where a person had approved it.
    lab.streams["action_log"] += [move(action, "queued", 2, "engine", from_status="snoozed")]
    assert days.on(june(3))["a", "notify_owner"]["status"] == "queued"
    lab.streams["action_log"] += [move(action, "cause_cleared", 3, "engine")]
    assert days.on(june(4))["a", "notify_owner"]["status"] == "cause_cleared"


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
