"""Alerts by hand: which conditions hold, which of them are new, how long an alert goes on, and its clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.coloured_accounts import AS_OF, Customers, built, day, key, number
from tests.dbt.policy_folders import SHIPPED, read_policy
from tests.support.compiled import rows_of
from tests.support.inputs import Row, World

TABLES = ("alerts", "alert_conditions", "alert_totals")
KINDS = ("inactive", "critical_score", "billing", "urgent_ticket", "detractor", "large_drop", "hc_past_due")
# As if the day before had looked: what is told of it decides what is new.
LOOKED = [{"as_of_date": day(1), "alert": kind} for kind in KINDS]
# The day in UTC ends as the day of the business does.
END = datetime(2026, 7, 1)


def alerts_policy(**alerts: dict[str, Any]) -> dict[str, Any]:
    """alerts.yaml with other values of some alerts."""
    values = read_policy(SHIPPED, "alerts")["alerts"]
    return {"alerts": values | {name: values[name] | changes for name, changes in alerts.items()}}


def answer(customers: Customers, account_id: str, days_ago: int | None, score: str | None, **more: Any) -> Row:
    responded = None if days_ago is None else day(days_ago)
    columns = {"survey_id": f"s-{account_id}", "survey_type": "quarterly", "sent_on": day(400)} | more
    columns |= {"responded_on": responded, "score": None if score is None else number(score)}
    return customers.row("survey_responses", account_id, **columns)


def earlier_alert(alert: str, account_id: str, raised: int, **more: Any) -> Row:
    return {
        "alert_id": f"{alert} {account_id}",
        "alert": alert,
        "account_id": account_id,
        "subject": account_id,
        "evidence": "As it was.",
        "raised_on": day(raised),
    } | more


def earlier_condition(alert: str, account_id: str, since: int, **more: Any) -> Row:
    row = {"alert": alert, "account_id": account_id, "subject": account_id, "evidence": "As it was."}
    return row | {"true_since": day(since)} | more


def made(world: World, folder: Path) -> dict[str, list[Row]]:
    with built(world, folder, *TABLES) as con:
        return {table: rows_of(con, f"select * from published.{table}") for table in TABLES}


def found(rows: list[Row], *columns: str) -> set[tuple]:
    return {tuple(row[column] for column in columns) for row in rows}


# -- conditions on a first run -------------------------------------------------------------------------------------


def using(customers: Customers) -> None:
    """Everybody is heard of except where the name says so."""
    zero = {"logins": "0", "active_users": "0"}
    for name, days, figures in (
        ("login-13", 13, {"logins": "1"}),
        ("login-14", 14, {"logins": "1"}),
        ("user-13", 13, {"logins": "0", "active_users": "1"}),
        ("user-14", 14, {"logins": "0", "active_users": "1"}),
    ):
        customers.usage(customers.add(name), days, **figures)
        customers.usage(name, 0, **zero)
    customers.usage(customers.add("only-logins-said"), 2, logins="0")
    customers.usage(customers.add("nothing-said"), 2, uptime_pct="99")
    customers.add("no-row")
    customers.usage(customers.add("no-row-for-14"), 14, logins="9")
    customers.add("gone", churned_on=day(1))
    customers.add("ended-long-ago", renews_in=None)
    customers.streams["contracts"][-1]["end_date"] = day(90)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    folder, customers = tmp_path_factory.mktemp("first"), Customers()
    using(customers)
    for ago in (7, 8):
        customers.invoice(customers.add(f"failed-{ago}"), ago, status="failed", amount=number("12.5"), currency="EUR")
        customers.ticket(customers.add(f"urgent-{ago}"), ago, priority="urgent")
        answer(customers, customers.add(f"answered-{ago}"), ago, "6")
    customers.invoice(customers.add("disputed"), 0, status="disputed")
    customers.invoice(customers.add("failed-then-paid"), 3, status="failed", paid_on=day(-1))
    customers.ticket(customers.add("solved"), 3, priority="urgent", solved_at=datetime(2026, 6, 30, 23))
    customers.ticket(customers.add("solved-tomorrow"), 3, priority="urgent", solved_at=END)
    customers.ticket(customers.add("high"), 3, priority="high", topic="outage")
    answer(customers, customers.add("answered-7-of-10"), 1, "7")
    answer(customers, customers.add("not-answered"), None, "2")
    answer(customers, customers.add("answers-tomorrow"), -1, "2")
    # 90 days after its start a check is due: dated the day after.
    for due in (8, 9, 0):
        customers.add(f"check-due-{due}", renews_in=364 - 90 - due)
    for name in {row["account_id"] for row in customers.streams["accounts"]} - {"no-row", "no-row-for-14"}:
        if not any(row["account_id"] == name for row in customers.streams["usage"]):
            customers.usage(name, 0, logins="1")
    return made(customers.world(folder), folder)


@pytest.mark.parametrize(
    ("account_id", "alert", "is_raised"),
    [
        ("login-13", None, False),
        ("login-14", "inactive", True),
        ("user-13", None, False),
        ("user-14", "inactive", True),
        ("only-logins-said", "inactive", True),
        ("nothing-said", None, False),
        ("no-row", "inactive", True),
        ("no-row-for-14", "inactive", True),
        ("gone", None, False),
        ("ended-long-ago", None, False),
        ("failed-7", "billing", True),
        ("failed-8", "billing", False),
        ("disputed", "billing", True),
        # Paid after as_of: it is open, not failed.
        ("failed-then-paid", None, False),
        ("urgent-7", "urgent_ticket", True),
        ("urgent-8", "urgent_ticket", False),
        ("solved", None, False),
        ("solved-tomorrow", "urgent_ticket", True),
        ("high", None, False),
        ("answered-7", "detractor", True),
        ("answered-8", "detractor", False),
        ("answered-7-of-10", None, False),
        ("not-answered", None, False),
        ("answers-tomorrow", None, False),
        ("check-due-8", "hc_past_due", True),
        ("check-due-9", "hc_past_due", False),
        ("check-due-0", None, False),
    ],
)
def test_a_condition_on_a_first_run(
    first: dict[str, list[Row]], account_id: str, alert: str | None, is_raised: bool
) -> None:
    of_it = {table: [row for row in rows if row.get("account_id") == account_id] for table, rows in first.items()}
    assert found(of_it["alert_conditions"], "alert", "is_new") == ({(alert, is_raised)} if alert else set())
    assert found(of_it["alerts"], "alert") == ({(alert,)} if is_raised else set())


def test_alerts_say_what_is_the_matter(first: dict[str, list[Row]]) -> None:
    told = {row["account_id"]: row["evidence"] for row in first["alerts"]}
    assert told["login-14"] == "No login and no active user in the last 14 days; the last login was on 16 June 2026."
    assert told["no-row-for-14"] == (
        "No usage was reported in the last 14 days, while others report; the last login was on 16 June 2026."
    )
    assert told["no-row"].endswith("while others report; no login is known.")
    assert told["failed-7"].endswith(" of 23 June 2026 over 12.50 EUR has failed.")
    assert told["disputed"].endswith(" of 30 June 2026 is disputed.")
    assert told["urgent-7"].endswith(" is open since 23 June 2026.")
    assert told["answered-7"] == "An answer of 6 to the quarterly survey on 23 June 2026 (survey s-answered-7)."
    assert told["check-due-8"] == ("Health check post start of contract c-check-due-8 (Core) was due on 22 June 2026.")


def test_what_an_alert_is_about(first: dict[str, list[Row]]) -> None:
    kinds = found(first["alerts"], "alert", "subject_kind")
    assert kinds == {
        ("inactive", "account"),
        ("billing", "invoice"),
        ("urgent_ticket", "ticket"),
        ("detractor", "survey"),
        ("hc_past_due", "target"),
    }
    dated = {row["account_id"]: row["dated_on"] for row in first["alerts"]}
    assert (dated["failed-7"], dated["check-due-8"], dated["login-14"]) == (day(7), day(7), None)


def test_alerts_are_counted(first: dict[str, list[Row]]) -> None:
    counted = {
        row["alert"]: (row["conditions"], row["raised_today"], row["open_alerts"]) for row in first["alert_totals"]
    }
    assert counted == {
        "inactive": (5, 5, 5),
        "critical_score": (0, 0, 0),
        "billing": (3, 2, 2),
        "urgent_ticket": (3, 2, 2),
        "detractor": (2, 1, 1),
        "large_drop": (0, 0, 0),
        "hc_past_due": (2, 1, 1),
    }


def test_silence_says_nothing_where_nobody_reports(tmp_path: Path) -> None:
    customers = Customers()
    customers.usage(customers.add("a"), 14, logins="1")
    customers.add("b")
    assert made(customers.world(tmp_path), tmp_path)["alert_conditions"] == []


# -- scores --------------------------------------------------------------------------------------------------------


def test_scores_at_the_edge(tmp_path: Path) -> None:
    """All score 82.6; a month ago they scored more."""
    customers = Customers()
    customers.scored_before(customers.add("fell-15"), 28, "97.6")
    customers.scored_before(customers.add("fell-15.1"), 28, "97.7")
    customers.scored_before(customers.add("fell-in-27-days"), 27, "99")
    at_most, above = (alerts_policy(critical_score={"score_below": edge}) for edge in (82.6, 82.7))
    rows = made(customers.world(tmp_path, alerts=at_most), tmp_path)["alerts"]
    assert found(rows, "account_id", "alert") == {("fell-15.1", "large_drop")}
    (row,) = rows
    assert (row["value"], row["evidence"]) == (
        number("-15.1"),
        "The score fell by 15.1 points in a month, to 82.6.",
    )
    folder = tmp_path / "above"
    folder.mkdir()
    rows = made(customers.world(folder, alerts=above), folder)["alerts"]
    critical = [row for row in rows if row["alert"] == "critical_score"]
    assert found(critical, "account_id", "to_role", "value") == {
        (name, "cs_director", number("82.6")) for name in ("fell-15", "fell-15.1", "fell-in-27-days")
    }
    assert {row["evidence"] for row in critical} >= {"The score is 82.6, below 82.7."}


# -- from one run to the next --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Silence on a day after which others were looked at. Each account is named for what was before."""
    folder, customers = tmp_path_factory.mktemp("second"), Customers()
    customers.usage(customers.add("in-use"), 0, logins="1")
    alerts, conditions = [], []
    for false_for in (None, 0, 1, 2, 3, 4):
        for now in ("silent", "heard"):
            name = customers.add(f"{now}-false-for-{false_for}")
            if now == "heard":
                customers.usage(name, 0, logins="1")
            false_since = None if false_for is None else day(false_for)
            alerts.append(earlier_alert("inactive", name, 20, false_since=false_since))
            if false_for is None:
                conditions.append(earlier_condition("inactive", name, 20))
    # It was there before, too old to be new, and nobody was told.
    conditions.append(earlier_condition("inactive", customers.add("silent-before"), 20))
    customers.add("silent-now")
    for ago in (90, 91):
        name = customers.add(f"cleared-{ago}-ago")
        customers.usage(name, 0, logins="1")
        alerts.append(earlier_alert("inactive", name, 120, false_since=day(ago), cleared_on=day(ago)))
    # An old invoice that failed only now.
    customers.invoice("in-use", 200, status="failed")
    # Answers hold for 30 days, from when they came in where that was late.
    for ago in (29, 30):
        answer(customers, customers.add(f"answered-{ago}"), ago, "0")
        conditions.append(earlier_condition("detractor", f"answered-{ago}", ago, subject=f"s-answered-{ago}"))
        answer(customers, customers.add(f"seen-{ago}"), 100, "0")
        conditions.append(earlier_condition("detractor", f"seen-{ago}", ago, subject=f"s-seen-{ago}"))
    answer(customers, customers.add("answered-today"), 0, "0")
    answer(customers, customers.add("answered-20-days-ago-seen-today"), 20, "0")
    answer(customers, customers.add("answered-100-days-ago-seen-today"), 100, "0")
    for name in {row["account_id"] for row in customers.streams["survey_responses"]}:
        customers.usage(name, 0, logins="1")
    world = customers.world(folder)
    world.earlier |= {"alerts": alerts, "alert_conditions": conditions, "alert_totals": LOOKED}
    return made(world, folder)


@pytest.mark.parametrize(
    ("account_id", "episodes"),
    [
        ("silent-false-for-None", [(20, None, None, "open")]),
        ("silent-false-for-1", [(20, None, None, "open")]),
        ("silent-false-for-2", [(20, None, None, "open")]),
        # Three days without the condition: what comes after is another episode.
        ("silent-false-for-3", [(20, 3, 3, "cleared"), (0, None, None, "open")]),
        ("silent-false-for-4", [(20, 4, 4, "cleared"), (0, None, None, "open")]),
        ("heard-false-for-None", [(20, 0, None, "open")]),
        ("heard-false-for-1", [(20, 1, None, "open")]),
        ("heard-false-for-2", [(20, 2, None, "open")]),
        ("heard-false-for-3", [(20, 3, 3, "cleared")]),
        ("heard-false-for-4", [(20, 4, 4, "cleared")]),
        ("silent-before", []),
        ("silent-now", [(0, None, None, "open")]),
        ("cleared-90-ago", [(120, 90, 90, "cleared")]),
        ("cleared-91-ago", []),
        ("in-use", [(0, None, None, "open")]),
        ("answered-today", [(0, None, None, "open")]),
        ("answered-20-days-ago-seen-today", [(0, None, None, "open")]),
        ("answered-100-days-ago-seen-today", []),
    ],
)
def test_an_alert_is_one_episode(second: dict[str, list[Row]], account_id: str, episodes: list[tuple]) -> None:
    rows = sorted(
        (row for row in second["alerts"] if row["account_id"] == account_id), key=lambda row: row["raised_on"]
    )
    ago = [tuple(None if days is None else day(days) for days in episode[:3]) for episode in episodes]
    assert [(row["raised_on"], row["false_since"], row["cleared_on"]) for row in rows] == ago
    assert [row["state"] for row in rows] == [episode[3] for episode in episodes]
    assert len({row["alert_id"] for row in rows}) == len(rows)


@pytest.mark.parametrize(
    ("account_id", "holds"), [("answered-29", True), ("answered-30", False), ("seen-29", True), ("seen-30", False)]
)
def test_an_answer_holds_for_thirty_days(second: dict[str, list[Row]], account_id: str, holds: bool) -> None:
    rows = [row for row in second["alert_conditions"] if row["account_id"] == account_id]
    assert len(rows) == holds
    assert not any(row["is_new"] for row in rows)


def test_since_when_a_condition_holds(second: dict[str, list[Row]]) -> None:
    since = {row["account_id"]: row["true_since"] for row in second["alert_conditions"] if row["alert"] == "inactive"}
    assert since["silent-before"] == day(20)
    assert since["silent-now"] == AS_OF


def test_what_is_false_keeps_its_last_evidence(second: dict[str, list[Row]]) -> None:
    told = {(row["account_id"], row["state"]): row["evidence"] for row in second["alerts"]}
    assert told["heard-false-for-1", "open"] == "As it was."
    assert told["silent-false-for-1", "open"].startswith("No usage was reported")


def test_a_source_that_cant_be_used_leaves_its_alerts_as_they_were(tmp_path: Path) -> None:
    customers = Customers("invoices")
    for name in ("silent", "urgent", "billed", "answered"):
        customers.usage(customers.add(name), 0, logins="1")
    customers.ticket("urgent", 3, priority="urgent", ticket_id="t-new")
    world = customers.world(tmp_path)
    kinds = {"silent": "inactive", "urgent": "urgent_ticket", "billed": "billing", "answered": "detractor"}
    world.earlier |= {
        "alerts": [earlier_alert(alert, name, 5) for name, alert in kinds.items()],
        "alert_conditions": [earlier_condition(alert, name, 5) for name, alert in kinds.items()],
        "alert_totals": LOOKED,
    }
    world.stream_facts = {name: {"is_omitted": True} for name in ("usage", "tickets")}
    tables = made(world, tmp_path)
    # Invoices never came; usage and tickets are too old; surveys can be read, and the answer isn't there any more.
    # Without usage and tickets the scores are critical; that is another matter.
    conditions, alerts = (
        [row for row in tables[table] if row["alert"] != "critical_score"] for table in ("alert_conditions", "alerts")
    )
    assert found(conditions, "account_id", "is_carried", "is_new", "true_since") == {
        (name, True, False, day(5)) for name in ("silent", "urgent", "billed")
    }
    assert found(alerts, "account_id", "is_true", "false_since") == {
        ("silent", True, None),
        ("urgent", True, None),
        ("billed", True, None),
        ("answered", False, AS_OF),
    }
    assert found(tables["alert_totals"], "alert", "is_known") == {
        (kind, kind not in ("inactive", "urgent_ticket", "billing")) for kind in KINDS
    }


# -- clocks --------------------------------------------------------------------------------------------------------


class Clocks:
    """Urgent tickets with an alert raised some days ago, and what was done about each."""

    def __init__(self) -> None:
        self.customers = Customers()
        self.customers.usage(self.customers.add("nobody"), 0, logins="1")
        self.alerts: list[Row] = []
        self.conditions: list[Row] = []
        self.customers.streams["alert_log"] = []

    def add(self, name: str, raised: int, alert: str = "urgent_ticket", is_true: bool = True, **more: Any) -> None:
        self.customers.usage(self.customers.add(name), 0, logins="1")
        if is_true:
            self.customers.ticket(name, raised, priority="urgent", ticket_id=name)
        self.alerts.append(earlier_alert(alert, name, raised, **more))
        self.conditions.append(earlier_condition(alert, name, raised))

    def did(self, name: str, step: str, at: datetime, alert: str = "urgent_ticket", **more: Any) -> None:
        columns = {"entry_id": key("e"), "alert_id": f"{alert} {name}", "alert": alert, "step": step}
        self.customers.row("alert_log", name, **columns | {"acted_by": "Cas Csm", "acted_at": at} | more)

    def world(self, folder: Path, **changes: Any) -> World:
        world = self.customers.world(folder, **changes)
        world.earlier |= {"alerts": self.alerts, "alert_conditions": self.conditions, "alert_totals": LOOKED}
        return world


def at(days_ago: int, hour: int = 0, *, microseconds: int = 0) -> datetime:
    moment = datetime.combine(day(days_ago), datetime.min.time()) + timedelta(hours=hour)
    return moment + timedelta(microseconds=microseconds)


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder, made_up = tmp_path_factory.mktemp("clocks"), Clocks()
    made_up.add("nothing-done", 1)
    made_up.add("in-time", 2)
    made_up.did("in-time", "raised", at(2, 6))
    made_up.did("in-time", "acknowledged", at(2, 10))
    # Done again later, by somebody else: that changes nothing.
    made_up.did("in-time", "acknowledged", at(2, 11), acted_by="Another")
    made_up.did("in-time", "assessed", at(2, 10))
    made_up.did("in-time", "planned", at(1, 6))
    made_up.add("too-late", 2)
    made_up.did("too-late", "raised", at(2, 6))
    made_up.did("too-late", "acknowledged", at(2, 10, microseconds=1))
    made_up.add("went-up", 2)
    made_up.did("went-up", "raised", at(2, 6))
    made_up.did("went-up", "escalated", at(2, 10, microseconds=7), to_role="vp_customer_success")
    # Raised so that executing is due when as_of ends, to the microsecond.
    made_up.add("due-at-the-end", 1)
    made_up.did("due-at-the-end", "raised", at(1))
    made_up.add("due-just-before", 2)
    made_up.did("due-just-before", "raised", at(1, microseconds=-1))
    made_up.add("done-today", 1)
    made_up.did("done-today", "raised", at(1, 6))
    made_up.did("done-today", "acknowledged", at(0, 1))
    made_up.add("followed-up", 4)
    made_up.did("followed-up", "raised", at(4, 6))
    made_up.did("followed-up", "executed", at(3, 6))
    made_up.did("followed-up", "followed_up", at(3, 8))
    made_up.add("closed", 4)
    made_up.did("closed", "raised", at(4, 6))
    made_up.did("closed", "closed", at(4, 11))
    made_up.add("cleared", 8, is_true=False, false_since=day(7))
    made_up.did("cleared", "raised", at(8, 6))
    made_up.add("critical", 1, alert="critical_score", is_true=False)
    made_up.did("critical", "raised", at(1, 6), alert="critical_score")
    made_up.customers.streams["accounts"][-1] |= {"csm_name": "Cas Csm", "csm_email": "cas@example.test"}
    rows = made(made_up.world(folder), folder)["alerts"]
    return {row["account_id"]: row for row in rows}


STEPS = ("acknowledge", "assess", "plan", "execute", "follow_up")


def breached(row: Row) -> list[str]:
    assert row["breaches"] == sum(row[f"{step}_breached"] for step in STEPS)
    return [step for step in STEPS if row[f"{step}_breached"]]


def test_the_clock_starts_when_the_day_ends_until_the_ledger_says(clocks: dict[str, Row]) -> None:
    row = clocks["nothing-done"]
    assert row["raised_at"] == at(0)
    due = [row[f"{step}_due_at"] for step in STEPS]
    assert due == [at(0, hours) for hours in (4, 4, 24, 48, 72)]
    # At the end of as_of 24 hours have passed, and no more.
    assert breached(row) == ["acknowledge", "assess"]
    assert (row["is_escalated"], row["escalated_to"], row["escalated_at"]) == (True, "cs_manager", at(0, 4))
    assert (row["next_step"], row["next_due_at"], row["state"]) == ("acknowledge", at(0, 4), "open")


def test_done_at_the_moment_it_is_due_is_in_time(clocks: dict[str, Row]) -> None:
    row = clocks["in-time"]
    assert row["raised_at"] == at(2, 6)
    assert (row["acknowledged_at"], row["acknowledged_by"]) == (at(2, 10), "Cas Csm")
    # Executing was due 48 hours after six o'clock the day before yesterday.
    assert breached(row) == ["execute"]
    assert (row["is_escalated"], row["escalated_to"], row["escalated_at"]) == (False, None, None)
    assert (row["state"], row["next_step"], row["next_due_at"]) == ("planned", "execute", at(0, 6))


def test_a_microsecond_later_it_is_not(clocks: dict[str, Row]) -> None:
    row = clocks["too-late"]
    assert breached(row) == ["acknowledge", "assess", "plan", "execute"]
    assert (row["is_escalated"], row["escalated_to"], row["escalated_at"]) == (True, "cs_manager", at(2, 10))
    assert row["state"] == "acknowledged"


def test_the_ledger_says_where_it_went(clocks: dict[str, Row]) -> None:
    row = clocks["went-up"]
    assert (row["is_escalated"], row["escalated_to"], row["escalated_at"]) == (
        True,
        "vp_customer_success",
        at(2, 10, microseconds=7),
    )


def test_what_was_done_on_as_of_is_known_the_day_after(clocks: dict[str, Row]) -> None:
    assert (clocks["done-today"]["acknowledged_at"], clocks["done-today"]["state"]) == (None, "open")


def test_late_is_told_of_the_end_of_as_of(clocks: dict[str, Row]) -> None:
    assert clocks["due-at-the-end"]["execute_due_at"] == END
    assert breached(clocks["due-at-the-end"]) == ["acknowledge", "assess", "plan"]
    assert breached(clocks["due-just-before"]) == ["acknowledge", "assess", "plan", "execute"]


@pytest.mark.parametrize(
    ("account_id", "late"), [("followed-up", ["acknowledge", "assess", "plan"]), ("closed", ["acknowledge", "assess"])]
)
def test_a_closed_alert_has_stopped(clocks: dict[str, Row], account_id: str, late: list[str]) -> None:
    row = clocks[account_id]
    assert (row["state"], row["is_open"], row["next_step"], row["next_due_at"]) == ("closed", False, None, None)
    assert breached(row) == late


def test_an_alert_that_cleared_has_stopped(clocks: dict[str, Row], tmp_path: Path) -> None:
    row = clocks["cleared"]
    assert (row["state"], row["cleared_on"], row["is_open"]) == ("cleared", day(7), False)
    assert breached(row) == list(STEPS)
    # Raised the day before yesterday at six; with quiet days of its own, the clock would be at 66 hours.
    made_up = Clocks()
    made_up.add("cleared", 2, is_true=False, false_since=day(1), cleared_on=day(1))
    made_up.did("cleared", "raised", at(2, 6))
    (row,) = made(made_up.world(tmp_path, alerts={"clears_after_days": 0}), tmp_path)["alerts"]
    assert breached(row) == ["acknowledge", "assess", "plan"]


def test_no_step_is_due_before_the_one_ahead(clocks: dict[str, Row]) -> None:
    row = clocks["critical"]
    assert [row[f"{step}_due_at"] for step in STEPS] == [at(1, 6 + hours) for hours in (24, 24, 24, 48, 72)]


def test_whom_an_alert_goes_to(clocks: dict[str, Row]) -> None:
    assert [clocks["critical"][name] for name in ("to_roles", "to_role", "to_name")] == [
        "cs_director",
        "cs_director",
        None,
    ]
    # No CSM: the owner.
    row = clocks["nothing-done"]
    assert (row["to_role"], row["csm_name"], row["to_name"], row["at_once"]) == ("csm", None, "Olu Owner", False)


def test_days_end_where_the_business_is(tmp_path: Path) -> None:
    """In Berlin a summer's day ends at ten in the evening, UTC."""
    made_up = Clocks()
    made_up.add("yesterday", 1)
    calendar = {"time_zone": "Europe/Berlin"}
    (row,) = made(made_up.world(tmp_path, calendar=calendar), tmp_path)["alerts"]
    assert row["raised_at"] == datetime(2026, 6, 29, 22)
    assert row["acknowledge_due_at"] == datetime(2026, 6, 30, 2)
    assert row["plan_due_at"] == datetime(2026, 6, 30, 22)
    assert breached(row) == ["acknowledge", "assess"]


def test_the_policy_says_how_long(tmp_path: Path) -> None:
    made_up = Clocks()
    made_up.add("now", 1)
    clock = {"assess_hours": 24, "plan_hours": 24, "execute_hours": 25, "follow_up_hours": 26}
    policy = alerts_policy(urgent_ticket={"acknowledge_hours": 25, "at_once": True, "to_roles": ["ae", "finance"]})
    made_up.customers.streams["accounts"][-1]["ae_name"] = "Ada Ae"
    (row,) = made(made_up.world(tmp_path, alerts=policy | {"clock": clock}), tmp_path)["alerts"]
    assert [row[f"{step}_due_at"] for step in STEPS] == [at(0, hours) for hours in (25, 25, 25, 25, 26)]
    assert (row["to_roles"], row["to_role"], row["to_name"], row["at_once"]) == ("ae, finance", "ae", "Ada Ae", True)
