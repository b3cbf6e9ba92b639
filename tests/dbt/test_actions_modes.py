"""How far each action may go by itself: every action, segment and level, under no guard and under each.

The table is the one of the specification, worked out by hand; what a guard does stands beside it.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.dbt.action_lab import ACTIONS, AS_OF, OFF, Lab, changed, day
from tests.support.inputs import Row

# What level and matrix leave, by segment: smb, mid-market, enterprise (and unknown).
MODES = {
    "conservative": """
        create_discount_request      recommend recommend recommend
        reassign_ownership           recommend recommend recommend
        send_check_in_email          recommend recommend recommend
        add_to_onboarding_recovery   recommend recommend recommend
        create_support_task          recommend recommend recommend
        escalate_to_specialist       recommend recommend recommend
        add_to_low_adoption_nurture  recommend recommend recommend
        notify_owner                 auto      auto      recommend
        schedule_checkpoint          recommend recommend recommend
        update_csm_health_score      auto      auto      recommend
    """,
    "balanced": """
        create_discount_request      approve   approve   approve
        reassign_ownership           approve   approve   approve
        send_check_in_email          approve   approve   approve
        add_to_onboarding_recovery   approve   approve   approve
        create_support_task          approve   approve   approve
        escalate_to_specialist       approve   approve   approve
        add_to_low_adoption_nurture  auto      auto      approve
        notify_owner                 auto      auto      approve
        schedule_checkpoint          auto      auto      approve
        update_csm_health_score      auto      auto      approve
    """,
    "aggressive": """
        create_discount_request      approve   approve   approve
        reassign_ownership           approve   approve   approve
        send_check_in_email          approve   approve   approve
        add_to_onboarding_recovery   auto      approve   approve
        create_support_task          auto      approve   approve
        escalate_to_specialist       auto      auto      auto
        add_to_low_adoption_nurture  auto      auto      approve
        notify_owner                 auto      auto      approve
        schedule_checkpoint          auto      auto      approve
        update_csm_health_score      auto      auto      approve
    """,
}
SEGMENTS = ("smb", "mid_market", "enterprise", None)
REACHING = {"send_check_in_email", "add_to_onboarding_recovery", "add_to_low_adoption_nurture"}
VALIDATED = REACHING | {"create_discount_request"}
# What holds an account back: the guard, what it suppresses, and what it leaves to approval at least.
GUARDS: dict[str, tuple[str, set[str], set[str]]] = {
    "plain": ("", set(), set()),
    "minor blocker": ("", set(), set()),
    "resolved blocker": ("", set(), set()),
    "blocker": (
        "major_blocker",
        {"add_to_low_adoption_nurture", "send_check_in_email"},
        {"add_to_onboarding_recovery"},
    ),
    "complaint": ("executive_complaint", REACHING, set()),
    "old complaint": ("", set(), set()),
    "resolved complaint": ("", set(), set()),
    "red": ("red_status", set(), REACHING),
    "yellow": ("", set(), set()),
    "leaving": ("churn_risk", set(), VALIDATED),
    "no score": ("low_confidence", set(), VALIDATED),
    "renewal": ("renewal", set(), {"send_check_in_email"}),
    "later renewal": ("", set(), set()),
    "churned": ("churned", set(ACTIONS), set()),
}
STRICTNESS = ("auto", "approve", "recommend", "suppress")


SIGNALS = {
    "minor blocker": [("blocker", 5, {})],
    "resolved blocker": [("blocker", 5, {"severity": "major", "resolved_on": day(0)})],
    "blocker": [("blocker", 500, {"severity": "major", "resolved_on": day(-1)})],
    "complaint": [("executive_complaint", 29, {})],
    "old complaint": [("executive_complaint", 30, {})],
    "resolved complaint": [("executive_complaint", 1, {"resolved_on": day(0)})],
    # A renewal in 89 days 20, a leadership change 15, an outage 15; a rival 25 makes it YELLOW: 115.
    "leaving": [("leadership_change", 1, {}), ("outage", 1, {}), ("rfp", 1, {})],
}
RENEWS_IN = {"no score": None, "renewal": 30, "later renewal": 31, "leaving": 89}


def customers(lab: Lab) -> None:
    """One account a segment and case, of that name."""
    for segment in SEGMENTS:
        for case in GUARDS:
            more = {"churned_on": day(0)} if case == "churned" else {}
            name = lab.add(f"{case} {segment}", segment=segment, renews_in=RENEWS_IN.get(case, 300), **more)
            for kind, days_ago, columns in SIGNALS.get(case, ()):
                lab.signal(name, kind, days_ago, **columns)
            if case in ("red", "yellow"):
                lab.call(name, case)


def expected(action: str, case: str, level: str, segment: str | None) -> str:
    line = next(line.split() for line in MODES[level].split("\n") if line.split()[:1] == [action])
    mode = line[1 + ("smb", "mid_market", "enterprise").index(segment or "enterprise")]
    _, suppressed, approved = GUARDS[case]
    guarded = "suppress" if action in suppressed else "approve" if action in approved else "auto"
    return max(mode, guarded, key=STRICTNESS.index)


@pytest.fixture(scope="module", params=list(MODES))
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Row]]:
    lab = Lab(tmp_path_factory.mktemp(request.param), guards=changed("guards", OFF))
    customers(lab)
    # What the policy calls balanced is the default.
    return request.param, lab.actions(lab.world(level=None if request.param == "balanced" else request.param))


def test_every_action_segment_level_and_guard(found: tuple[str, list[Row]]) -> None:
    level, rows = found
    actual = {(row["account_id"], row["action"]): row["mode"] for row in rows if row["subject_kind"] == "account"}
    wanted = {
        (f"{case} {segment}", action): expected(action, case, level, segment)
        for case in GUARDS
        for segment in SEGMENTS
        for action in ACTIONS
    }
    assert actual == wanted
    assert {row["level"] for row in rows} == {level}


def test_guards_are_recorded_where_they_hold_something_back(found: tuple[str, list[Row]]) -> None:
    _, rows = found
    for row in rows:
        case = row["account_id"].rpartition(" ")[0]
        guard, suppressed, approved = GUARDS[case]
        said = row["guards"] or ""
        names = [part.partition(":")[0] for part in said.split("; ") if part]
        # An account that has churned isn't scored either, one that leaves has a tender in its signals.
        others = {"churned": {"low_confidence"}}.get(case, set())
        assert set(names) - others == ({guard} if row["action"] in suppressed | approved else set()), row["account_id"]
        assert said.count("so suppressed") == (row["action"] in suppressed)


def test_status_follows_the_mode(found: tuple[str, list[Row]]) -> None:
    _, rows = found
    by_mode = {"auto": "queued", "approve": "pending_approval", "recommend": "recommended", "suppress": "suppressed"}
    for row in rows:
        assert row["status"] == by_mode[row["mode"]]
        assert row["created_on"] == (None if row["mode"] == "suppress" else AS_OF)
        assert row["is_new"] == (row["mode"] != "suppress")


def test_words_of_guards(found: tuple[str, list[Row]]) -> None:
    level, rows = found
    if level != "aggressive":
        return
    said = {row["account_id"]: row["guards"] for row in rows if row["action"] == "send_check_in_email"}
    assert said["plain smb"] is None
    assert said["blocker smb"] == "major_blocker: 1 major blocker is open, so suppressed"
    assert said["complaint smb"] == "executive_complaint: a complaint of an executive is open, so suppressed"
    assert said["red smb"] == "red_status: the account is RED, so at least approve"
    assert said["leaving smb"] == "churn_risk: churn probability of 95 % is over 70 %, so at least approve"
    assert said["no score smb"] == "low_confidence: there is no score, so at least approve"
    assert said["renewal smb"] == "renewal: renewal in 30 days, so at least approve"
    assert said["churned smb"].startswith("churned: the account has churned, so suppressed; ")


def test_a_guard_can_be_turned_off_and_move(tmp_path: Path) -> None:
    guards = OFF | {
        "red_status": {"enabled": False},
        "executive_complaint": {"at_least": "recommend"},
        "renewal": {"kinds": ["sequence"], "within_days": 31},
        "churn_risk": {"above": 95},
        "churned": {"enabled": False},
        "major_blocker": {"suppressed": ["notify_owner"]},
        "low_confidence": {"confidence": "medium", "at_least": "suppress"},
    }
    lab = Lab(tmp_path, guards=changed("guards", guards))
    customers(lab)
    modes = {(row["account_id"], row["action"]): row["mode"] for row in lab.actions(lab.world(level="aggressive"))}
    onboarding, nurture = "add_to_onboarding_recovery", "add_to_low_adoption_nurture"
    # Every account has medium confidence or none here, so what low_confidence looks at is suppressed everywhere.
    assert {modes[f"{case} smb", onboarding] for case in GUARDS} == {"suppress"}
    assert modes["red smb", nurture] == "suppress"
    assert modes["blocker smb", "notify_owner"] == "suppress"
    assert modes["plain smb", "notify_owner"] == "auto"
    assert modes["churned smb", "notify_owner"] == "auto"
    lab = Lab(tmp_path / "more", guards=changed("guards", guards | {"low_confidence": {"enabled": False}}))
    customers(lab)
    modes = {(row["account_id"], row["action"]): row["mode"] for row in lab.actions(lab.world(level="aggressive"))}
    assert modes["red smb", onboarding] == "auto"
    assert modes["complaint smb", onboarding] == "recommend"
    assert modes["later renewal smb", onboarding] == "approve"
    assert modes["leaving smb", onboarding] == "auto"
    assert modes["no score smb", onboarding] == "auto"
    assert modes["blocker smb", nurture] == "approve"


def test_a_segment_has_a_level_of_its_own_whatever_the_run_asks_for(tmp_path: Path) -> None:
    levels = changed("levels", {"by_segment": {"smb": "conservative", "enterprise": "aggressive"}})
    lab = Lab(tmp_path, guards=changed("guards", OFF), levels=levels, unknown_segment="smb")
    for segment in SEGMENTS:
        lab.add(str(segment), segment=segment)
    for level, others in ((None, "balanced"), ("aggressive", "aggressive")):
        rows = lab.actions(lab.world(level=level))
        levels_found = {row["account_id"]: row["level"] for row in rows}
        assert levels_found == {
            "smb": "conservative", "None": "conservative", "mid_market": others, "enterprise": "aggressive",
        }  # fmt: skip
        modes = {(row["account_id"], row["action"]): row["mode"] for row in rows}
        assert modes["None", "notify_owner"] == "auto"
        assert modes["None", "schedule_checkpoint"] == "recommend"
        assert modes["enterprise", "escalate_to_specialist"] == "auto"


def test_low_confidence_is_few_dimensions(tmp_path: Path) -> None:
    """Without tickets only relationship is left of support, sentiment and it: two dimensions at most."""
    lab = Lab(tmp_path, guards=changed("guards", OFF))
    lab.add("thin", segment="smb")
    lab.call("thin", "green")
    del lab.streams["tickets"]
    rows = {row["action"]: row for row in lab.actions(lab.world(level="aggressive"))}
    assert rows["add_to_onboarding_recovery"]["mode"] == "approve"
    assert rows["add_to_onboarding_recovery"]["guards"] == ("low_confidence: confidence is low, so at least approve")
    assert rows["create_support_task"]["mode"] == "auto"


def test_the_edge_of_churn_risk(tmp_path: Path) -> None:
    """GREEN 10, a renewal in 89 days 20, a leadership change 15, an outage 15: 60."""
    for above, mode in ((60, "auto"), (59, "approve")):
        guards = changed("guards", OFF | {"churn_risk": {"above": above}})
        lab = Lab(tmp_path / str(above), guards=guards)
        lab.add("edge", segment="smb", renews_in=89)
        lab.signal("edge", "leadership_change", 1)
        lab.signal("edge", "outage", 1)
        rows = {row["action"]: row for row in lab.actions(lab.world(level="aggressive"))}
        assert rows["add_to_onboarding_recovery"]["mode"] == mode
        assert rows["notify_owner"]["mode"] == "auto"
        assert lab.streams["contracts"][0]["end_date"] == AS_OF + timedelta(days=89)
