"""The account brief: one account on one page or two, for the team."""

from __future__ import annotations

from decimal import Decimal

from orchestration.documents import findings
from orchestration.documents.content import Tile
from orchestration.documents.deck import TONES
from orchestration.documents.facts import Facts
from orchestration.documents.paper import Bar, Grid, Paper, Point, Section
from orchestration.documents.wording import (
    capital,
    counted,
    day,
    first_of,
    listed,
    money,
    month,
    name,
    number,
    occasion,
    plain,
    quantity,
    short_day,
    words,
)
from orchestration.policy.models import Policies

_WAITING = ("past_due", "pending")


def brief(facts: Facts, policies: Policies) -> Paper:
    """The brief of an account."""
    account, currency = facts.account, policies.calendar.reporting_currency
    churn = facts.churn or {}
    call = findings.of_call(facts)
    sections = [
        _profile(facts),
        Section(
            "Health by dimension",
            f"{findings.of_dimensions(facts)}.",
            bars=tuple(
                Bar(capital(words(key)), None if points is None else float(points), float(most))
                for key, points, most in findings.dimension_points(facts)
            ),
        ),
        Section(
            "Score",
            f"{findings.of_trend(facts)}.",
            points=tuple(Point(month(when), float(score)) for when, score in facts.trend),
        ),
        _risks(facts, policies),
        _cause(facts),
        Section(
            "Value at risk",
            grid=Grid(
                ("", ""),
                (
                    ("ARR", money(account["arr"], currency)),
                    ("Churn probability", findings.chance(facts) or "not known"),
                    ("Expected to be lost", _a_year(churn.get("expected_loss"), currency)),
                    ("Three-year value", money(churn.get("three_year_value"), currency)),
                    ("Chance that an intervention saves it", quantity(churn.get("save_probability"), "%", 0)),
                ),
                (0.36, 0.64),
                has_head=False,
            ),
        ),
        _checks(facts, policies),
        _alerts(facts, policies),
        _plan(facts, policies),
        _metrics(facts),
    ]
    return Paper(
        kind="account_brief",
        kicker="Account brief",
        title=name(account["account_name"]),
        finding=" ".join(f"{said}." for said in (findings.of_account(facts), call) if said),
        mark="Internal: not for the customer",
        as_of=facts.as_of,
        tiles=(
            Tile(number(account["score"]), "score of 100", TONES.get(account["final_status"], "")),
            Tile(
                account["final_status"] or "–",
                "status by the CSM" if call else "status",
                TONES.get(account["final_status"], ""),
            ),
            Tile(money(account["arr"], currency), "ARR"),
            Tile(short_day(account["renewal_date"]), "renewal"),
        ),
        sections=tuple(section for section in sections if section is not None),
    )


def _profile(facts: Facts) -> Section:
    account = facts.account
    where = [plain(account[key], 40) for key in ("geo", "region") if account[key]]
    parts = [words(account[key]) for key in ("segment", "lifecycle") if account[key]]
    people = [(role, account[key]) for role, key in _PEOPLE]
    known = [f"{role} {name(person, 40)}" for role, person in people if person]
    products = dict.fromkeys(plain(row["product"], 30) for row in facts.targets if row["product"])
    rows = [
        ("What it is", listed([*parts, *where]) or "not known"),
        ("People", listed(known) or "nobody is named"),
        ("Contracts", _first(list(products), 6) or "none with a health check"),
        ("Customer until", day(account["customer_until"])),
        ("Confidence", words(account["confidence"])),
    ]
    if call := findings.of_call(facts):
        rows.insert(0, ("Status", call))
    if account["missing_dimensions"]:
        rows.append(("Not known", plain(account["missing_dimensions"], 160)))
    return Section("Profile", grid=Grid(("", ""), tuple(rows), (0.2, 0.8), has_head=False))


_PEOPLE = (("owner", "owner_name"), ("CSM", "csm_name"), ("account executive", "ae_name"))


def _risks(facts: Facts, policies: Policies) -> Section:
    found = findings.risk_rows(facts)
    rows = tuple(found[: policies.documents.listed.risks])
    grid = Grid(("Risk", "Weight", "Evidence"), rows, (0.2, 0.14, 0.66)) if rows else None
    return Section("Risk factors", f"{findings.of_risks(facts)}{first_of(len(rows), len(found))}.", grid=grid)


def _cause(facts: Facts) -> Section | None:
    cause = next((row for row in facts.themes if row["is_root_cause"]), None)
    if cause is None:
        return None
    return Section(
        "Root cause", f"{capital(words(cause['theme']))}: {findings.evidence(cause['evidence'], facts, 400)}."
    )


def _a_year(value: Decimal | None, currency: str) -> str:
    return money(value, currency) if value is None else f"{money(value, currency)} a year"


def _first(parts: list[str], most: int) -> str:
    return listed(parts[:most]) + first_of(min(most, len(parts)), len(parts))


def _checks(facts: Facts, policies: Policies) -> Section | None:
    """The health checks that wait to be held, the longest overdue first."""
    found = [row for row in facts.targets if row["status"] in _WAITING]
    if not found:
        return None
    rows = tuple(
        (
            plain(row["product"], 40) or "the contract",
            capital(occasion(row["milestone"])),
            words(row["status"]),
            short_day(row["due_date"]),
        )
        for row in found[: policies.documents.listed.actions]
    )
    overdue = sum(row["status"] == "past_due" for row in found)
    said = f"{counted(len(found), 'health check waits', 'health checks wait')}, {overdue:,} past due"
    grid = Grid(("Product", "Occasion", "Status", "Due"), rows, (0.27, 0.37, 0.16, 0.2))
    return Section("Health checks to hold", f"{said}{first_of(len(rows), len(found))}.", grid=grid)


def _alerts(facts: Facts, policies: Policies) -> Section | None:
    """The open alerts with the step that comes next, the most urgent first."""
    found = facts.alerts
    if not found:
        return None
    rows = tuple(
        (
            plain(row["title"], 80),
            capital(words(row["next_step"])) if row["next_step"] else "–",
            short_day(row["next_due_at"]),
        )
        for row in found[: policies.documents.listed.actions]
    )
    said = f"{counted(len(found), 'alert is', 'alerts are')} open{first_of(len(rows), len(found))}"
    return Section("Open alerts", f"{said}.", grid=Grid(("Alert", "Next step", "Due"), rows, (0.5, 0.28, 0.22)))


def _plan(facts: Facts, policies: Policies) -> Section:
    most = policies.documents.listed.plan_steps
    if facts.plan:
        rows = tuple(
            (
                plain(row["action"], 80),
                plain(row["owner_role"], 50),
                short_day(row["due_on"]),
                plain(row["purpose"], 140),
            )
            for row in facts.plan[:most]
        )
        said = f"The retention plan{first_of(len(rows), len(facts.plan))}."
        return Section(
            "Plan",
            said if len(rows) < len(facts.plan) else "",
            grid=Grid(("Step", "Owner", "Due", "What for"), rows, (0.25, 0.2, 0.17, 0.38)),
        )
    actions = findings.open_actions(facts)
    rows = tuple((plain(row["title"], 80), findings.person(row), short_day(row["due_on"])) for row in actions[:most])
    if not rows:
        return Section("Plan", "No plan is needed, and no action is open.")
    return Section(
        "Plan",
        f"No retention plan is needed; these actions are open{first_of(len(rows), len(actions))}.",
        grid=Grid(("Action", "Owner", "Due"), rows, (0.5, 0.28, 0.22)),
    )


def _metrics(facts: Facts) -> Section | None:
    if facts.metrics:
        rows = tuple(
            (
                plain(row["title"], 60),
                _figure(row["value_now"], row["unit"]),
                _figure(row["target"], row["unit"]),
                short_day(row["due_on"]),
            )
            for row in facts.metrics
        )
        return Section("Metrics", grid=Grid(("Metric", "Now", "Wanted", "By"), rows, (0.43, 0.18, 0.18, 0.21)))
    known = [row for row in facts.measures if row["is_present"]]
    if not known:
        return None
    worst = sorted(known, key=lambda row: -findings.lost(row))[:6]
    rows = tuple((capital(findings.label_of(row)), findings.value_of(row), findings.points_of(row)) for row in worst)
    said = f"What costs the most points{first_of(len(worst), len(known))}."
    return Section("Metrics", said, grid=Grid(("Measure", "Now", "Points"), rows, (0.5, 0.28, 0.22)))


def _figure(value: object, unit: str | None) -> str:
    """A metric's figure; one of yes or no says so."""
    if value is not None and (unit or "").startswith("yes"):
        return "yes" if value else "no"
    return quantity(value, plain(unit, 20) or None)
