"""Rows at the edges of alerts, surveys and interventions, for the test that every value of their policies shows."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.support.inputs import World, account, contract

KINDS = ("inactive", "critical_score", "billing", "urgent_ticket", "detractor", "large_drop", "hc_past_due")


class Edges:
    """Adds accounts to a world, each on one edge: one day, point or hour either side of it another value counts."""

    def __init__(self, world: World) -> None:
        self.world = world
        for stream in ("survey_responses", "interventions", "action_log", "alert_log"):
            world.streams.setdefault(stream, [])

    def day(self, ago: int) -> date:
        return self.world.as_of - timedelta(days=ago)

    def noon(self, ago: int) -> datetime:
        return datetime.combine(self.day(ago), time(12))

    def add(self, account_id: str, started: int = 200, ends_in: int = 300, amount: str = "1000", **facts: Any) -> str:
        customer = {"customer_since": self.day(4000), "segment": "enterprise"} | facts
        self.world.streams["accounts"].append(account(account_id, **customer))
        of_it = contract(f"{account_id}-c", account_id, self.day(started), self.day(-ends_in), amount)
        self.world.streams["contracts"].append(of_it)
        return account_id

    def row(self, stream: str, account_id: str, **columns: Any) -> None:
        self.world.streams[stream].append({"account_id": account_id} | columns)

    def earlier(self, name: str, **row: Any) -> None:
        self.world.earlier.setdefault(name, []).append(row)

    def survey(
        self, account_id: str, sent: int, answered: int | None = None, score: str | None = None, kind: str = "quarterly"
    ) -> None:
        number = len(self.world.streams["survey_responses"])
        answer = {"responded_on": None if answered is None else self.day(answered)}
        answer["score"] = None if score is None else Decimal(score)
        columns = {"survey_id": f"M-s{number}", "survey_type": kind, "sent_on": self.day(sent)}
        self.row("survey_responses", account_id, **columns | answer)

    def unhappy(self, account_id: str) -> str:
        """An account whose score is critical, its sentiment and support quality at nothing."""
        self.add(account_id)
        complaint = {"created_at": self.noon(20), "escalated": True, "sla_met": False, "csat": Decimal(1)}
        for number in range(31):
            ticket = complaint | {"ticket_id": f"{account_id}-t{number}", "solved_at": self.noon(10)}
            self.row("tickets", account_id, **ticket)
        for number, kind in enumerate(("rfp", "budget_pressure", "budget_pressure")):
            signal = {"signal_id": f"{account_id}-{number}", "signal_type": kind}
            self.row("signals", account_id, **signal, observed_on=self.day(5))
        return account_id


def add_monitoring(world: World) -> None:
    """Accounts whose names say which value they are for."""
    edges = Edges(world)
    _alerts(edges)
    _surveys(edges)
    _interventions(edges)


def _alerts(edges: Edges) -> None:
    for kind in KINDS:
        row = {"alert_id": f"M-{kind}", "alert": kind, "account_id": edges.add(f"M-{kind}"), "subject": f"M-{kind}"}
        edges.earlier("alerts", **row, evidence="As it was.", raised_on=edges.day(1))
    for ago in (2, 3, 4):
        row = {"alert_id": f"M-{ago}", "alert": "billing", "account_id": "M-billing", "subject": f"M-{ago}"}
        edges.earlier("alerts", **row, evidence="As it was.", raised_on=edges.day(9), false_since=edges.day(ago))
    for ago in (89, 90, 91):
        row = {"alert_id": f"M-{ago}", "alert": "billing", "account_id": "M-billing", "subject": f"M-{ago}"}
        ended = {"false_since": edges.day(ago), "cleared_on": edges.day(ago)}
        edges.earlier("alerts", **row, evidence="As it was.", raised_on=edges.day(99), **ended)
    for ago in (6, 7, 8):
        edges.row(
            "invoices", edges.add(f"M-failed-{ago}"), invoice_id=f"M-{ago}", issued_on=edges.day(ago), status="failed"
        )
    for ago in (13, 14):
        name = edges.add(f"M-login-{ago}")
        for day, logins in ((ago, 1), (0, 0)):
            edges.row("usage", name, usage_date=edges.day(day), logins=Decimal(logins))
    for ago in (29, 30):
        edges.survey(edges.add(f"M-answered-{ago}"), ago, ago, "0")


def _surveys(edges: Edges) -> None:
    for ago in (13, 14):
        edges.survey(edges.add(f"M-sent-{ago}"), ago, ago, "8", "onboarding")
    for tenure in (90, 91, 92):
        edges.add(f"M-tenure-{tenure}", customer_since=edges.day(tenure))
    for ago in (89, 90, 91):
        edges.survey(edges.add(f"M-quarterly-{ago}"), ago, ago, "9")
    for started in (29, 30, 31, 43, 44, 45):
        edges.add(f"M-started-{started}", started=started)
    for ago in (12, 13, 14):
        solved = {"ticket_id": f"M-t{ago}", "created_at": edges.noon(20), "solved_at": edges.noon(ago)}
        edges.row("tickets", edges.add(f"M-solved-{ago}"), priority="urgent", **solved)
    for ends_in in (59, 60, 61):
        edges.add(f"M-ends-in-{ends_in}", ends_in=ends_in)
    for ago in (6, 7, 8, 20, 21, 22):
        edges.survey(edges.add(f"M-open-{ago}"), ago)
    for score in ("5", "6", "7", "8", "9", "10"):
        edges.survey(edges.add(f"M-score-{score}", ends_in=100, amount="100000.5"), 40, 20, score)
    for ago in (44, 45, 46):
        edges.survey(edges.add(f"M-steps-{ago}"), 60, ago, "9")


def _interventions(edges: Edges) -> None:
    for weeks in range(11):
        name = edges.unhappy(f"M-weeks-{weeks}")
        edges.earlier("at_risk_accounts", account_id=name, at_risk_since=edges.day(7 * weeks))
    for name, fall in (("M-fell-1", "1"), ("M-fell-0.5", "0.5"), ("M-fell-2", "2")):
        then = {"as_of_date": edges.day(10), "account_id": edges.unhappy(name)}
        edges.earlier("account_dimensions", **then, sentiment=Decimal(fall), support_quality=Decimal(0))
    for number, row in enumerate(list(edges.world.streams["accounts"])):
        opened = {"intervention_id": f"M-v{number}", "strategy": "QBR", "opened_on": edges.day(20)}
        edges.row("interventions", row["account_id"], **opened)
        if number % 2:
            # As if it had been back at the run before.
            known = {"origin": "stream", "account_id": row["account_id"], "runs_recovered": number % 3}
            known |= {"intervention_id": f"M-v{number}", "opened_on": edges.day(20), "opening_score": Decimal(40)}
            edges.earlier("intervention_outcomes", **known)
    for ago in (729, 730):
        edges.row("interventions", "M-weeks-0", intervention_id=f"M-{ago}", strategy="QBR", opened_on=edges.day(ago))
    for days_on in (6, 7, 8):
        name = edges.add(f"M-scored-{days_on}-days-on")
        row = {"intervention_id": name, "strategy": "QBR", "opened_on": edges.day(12)}
        edges.row("interventions", name, **row)
        edges.earlier(
            "account_health", account_id=name, as_of_date=edges.day(12 - days_on), score=Decimal(50), policy_version="x"
        )
    for gap in (90, 91):
        name = edges.add(f"M-plan-{gap}")
        for number, ago in enumerate((1, 1 + gap)):
            step = {"action": "value_review", "to_status": "done", "acted_by": "Cas", "acted_at": edges.noon(ago)}
            edges.row("action_log", name, transition_id=f"{name}-{number}", action_id=name, **step)
