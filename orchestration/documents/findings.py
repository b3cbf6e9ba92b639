"""Sentences that say what the figures come to: the finding of a slide, by rules, so that the same facts say the same.

Here: internal documents' sentences, and those on measures that all documents share. Dates are absolute: a sentence that
counts days would change every day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from orchestration.documents.facts import DIMENSIONS, FACTORS, Facts
from orchestration.documents.rows import Row
from orchestration.documents.wording import capital, counted, day, listed, money, name, number, plain, quantity, words
from orchestration.policy.measures import MEASURES

# Less than this of a score is nothing that anybody would act on.
_NOTHING_LOST = Decimal("0.05")
_RENEWS = re.compile(r"\brenews in [\d,]+ days?\b")
_SINCE = re.compile(r" in the [\d,]+ days to \d+ \w+ \d{4} against those before")
# Where "points" alone could be those of the score.
_UNITS = {"uptime_vs_sla": "percentage points"}
# A score that moved less than this has stayed.
_STAYED = Decimal(1)


def label_of(measure: Row) -> str:
    """A measure as a sentence calls it."""
    return plain(measure["label"], 40)


def value_of(measure: Row) -> str:
    """A measure's value with its unit."""
    facts = MEASURES.get(measure["measure"])
    unit = _UNITS.get(measure["measure"]) or plain(measure["unit"], 20)
    return quantity(measure["value"], unit, min(facts.decimals, 2) if facts else 1)


def lost(measure: Row) -> Decimal:
    """Points of its most that a measure lost; 0 where it isn't known."""
    return measure["max_points"] - measure["points"] if measure["is_present"] else Decimal(0)


def points_of(measure: Row) -> str:
    """Points of the most it can have: 2 of 8."""
    if not measure["is_present"]:
        return "not known"
    return f"{number(measure['points'])} of {number(measure['max_points'])}"


def dimension_points(facts: Facts) -> list[tuple[str, Decimal | None, Decimal]]:
    """(dimension, its points or None, the most it can have)."""
    most = {name: Decimal(0) for name in DIMENSIONS}
    for row in facts.measures:
        most[row["dimension"]] = most.get(row["dimension"], Decimal(0)) + row["max_points"]
    return [(name, facts.account.get(name), most[name]) for name in DIMENSIONS]


def of_account(facts: Facts) -> str:
    """The account in one sentence."""
    account, called = facts.account, name(facts.account["account_name"])
    if account["is_churned"]:
        return f"{called} has left"
    if account["score"] is None:
        return f"{called} has no score: too little is known of it"
    sentence = f"{called} scores {number(account['score'])} of 100 and is {account['final_status']}"
    if account["root_cause"] is None:
        return sentence
    cause = words(account["root_cause"])
    return (
        f"{sentence}; {cause} is to be watched"
        if account["final_status"] == "GREEN"
        else f"{sentence}, mainly for {cause}"
    )


def of_call(facts: Facts) -> str | None:
    """The CSM's call and what the machine says, where they differ."""
    account = facts.account
    if account["csm_status"] is None or account["csm_status"] == account["status"]:
        return None
    until = f" until {day(account['csm_expires_on'])}" if account["csm_expires_on"] else ""
    reason = f": {plain(account['csm_reason'], 200)}" if account["csm_reason"] else ""
    return (
        f"{account['status'] or 'Without a status'} by the machine; {name(account['csm_called_by'], 40)} called"
        f" {account['csm_status']} on {day(account['csm_called_on'])}{until}{reason}"
    )


def of_target(target: Row | None, facts: Facts, currency: str) -> str:
    """The health check that a deck is for; without one the contract's end."""
    account = facts.account
    if target is None:
        if account["renewal_date"] is None:
            return "No contract is current"
        return f"{money(account['arr'], currency)} a year, up for renewal on {day(account['renewal_date'])}"
    what = f"The health check of {plain(target['product'], 40) or 'the contract'}"
    amount = f" ({money(target['amount'], currency)})" if target["amount"] is not None else ""
    if target["completed_on"] is not None:
        return f"{what}{amount} was delivered on {day(target['completed_on'])}"
    verb = "was" if target["due_date"] < facts.as_of else "is"
    return f"{what}{amount} {verb} due on {day(target['due_date'])}"


def of_dimensions(facts: Facts) -> str:
    """Which dimension costs the most."""
    known = [
        (most - points, name, points, most) for name, points, most in dimension_points(facts) if points is not None
    ]
    unknown = [words(name) for name, points, _ in dimension_points(facts) if points is None]
    missing = f"; {listed(unknown)} {'is' if len(unknown) == 1 else 'are'} not known" if unknown else ""
    if not known:
        return "No dimension of its health is known"
    cost, worst, points, most = max(known, key=lambda one: (one[0], one[1]))
    if cost < _NOTHING_LOST:
        return f"No dimension that is known costs a point{missing}"
    return f"{capital(words(worst))} costs the most: {number(points)} of {number(most)} points are left{missing}"


def of_trend(facts: Facts) -> str:
    """How the score moved over what is kept of it."""
    points = facts.trend
    if not points:
        return "No score is kept of this account"
    last = points[-1][1]
    if len(points) == 1:
        return f"The score is {number(last)}; none is kept of earlier months"
    first_month, first = points[0]
    moved = last - first
    since = f"since {first_month:%B %Y}"
    if abs(moved) < _STAYED:
        return f"The score has stayed near {number(last)} {since}"
    return f"The score {'rose' if moved > 0 else 'fell'} by {number(abs(moved))} points {since}, to {number(last)}"


def of_measures(measures: Sequence[Row], what: str) -> str:
    """Which measure of a dimension costs the most."""
    known = [row for row in measures if row["is_present"]]
    if not known:
        return f"Nothing is known of {what}"
    worst = max(known, key=lambda row: (lost(row), row["measure"]))
    if lost(worst) < _NOTHING_LOST:
        return f"{capital(what)} earns every point that can be told"
    return (
        f"{capital(label_of(worst))} of {value_of(worst)} costs {what} the most:"
        f" {number(worst['points'])} of {number(worst['max_points'])} points"
    )


def of_risks(facts: Facts) -> str:
    """What stands out among the risks."""
    if not facts.themes:
        return "No risk stands out"
    first = capital(words(facts.themes[0]["theme"]))
    rest = len(facts.themes) - 1
    return f"{first} is the main risk" + (f", with {counted(rest, 'other')} beside it" if rest else "")


def evidence(text: object, facts: Facts, longest: int) -> str:
    """Evidence without words that count from today, which would change a deck every day and say nothing new."""
    renewal = facts.account["renewal_date"]
    said = _SINCE.sub("", plain(text, 4 * longest))
    return plain(_RENEWS.sub(f"renews on {day(renewal)}", said) if renewal else said, longest)


def risk_rows(facts: Facts) -> list[tuple[str, str, str]]:
    """(risk, how grave, evidence): causes first, then what adds to the chance of leaving."""
    rows = [
        (capital(words(row["theme"])), words(row["severity"]), evidence(row["evidence"], facts, 260))
        for row in facts.themes
    ]
    churn = facts.churn or {}
    rows += [
        (
            capital(words(factor)),
            f"+{number(churn[f'{factor}_addition'])} points",
            evidence(churn[f"{factor}_evidence"], facts, 260),
        )
        for factor in FACTORS
        if churn.get(factor)
    ]
    return rows


def chance(facts: Facts) -> str | None:
    """How likely the account is to leave, and what that comes from; for the team only."""
    churn = facts.churn
    if not churn or churn["acts_on_probability"] is None:
        return None
    parts = [("status", churn["base"]), ("renewal", churn["renewal_addition"])]
    parts += [(words(factor), churn[f"{factor}_addition"]) for factor in FACTORS]
    said = listed(f"{what} {number(points)}" for what, points in parts if points)
    return f"{number(churn['acts_on_probability'])} %" + (f": {said}" if said else "")


def gains(facts: Facts) -> list[Row]:
    """Measures by what the score would gain in the next band, the most first."""
    found = [row for row in facts.measures if row["is_present"] and (row["next_band_gain"] or 0) > 0]
    return sorted(found, key=lambda row: (-row["next_band_gain"], row["measure"]))


def of_recommendations(facts: Facts) -> str:
    """What would win the most."""
    best = next(iter(gains(facts)), None)
    if best is None:
        return "Nothing that is known would raise the score: hold what there is"
    return f"{capital(label_of(best))} has the most to win: {number(best['next_band_gain'])} points of score"


def open_actions(facts: Facts) -> list[Row]:
    """The open actions; those that read alike, of several contracts say, once."""
    alike = ("title", "owner", "owner_role", "due_on", "priority", "status")
    return list({tuple(row[key] for key in alike): row for row in reversed(facts.actions)}.values())[::-1]


def of_actions(facts: Facts) -> str:
    """How many actions are open, and what they wait for."""
    actions = open_actions(facts)
    if not actions:
        return "No action is open"
    waiting = sum(row["status"] == "pending_approval" for row in actions)
    first = min((row["due_on"] for row in actions if row["due_on"] is not None), default=None)
    until = f", the first due on {day(first)}" if first else ""
    approval = f"; {counted(waiting, 'waits', 'wait')} for approval" if waiting else ""
    return f"{counted(len(actions), 'action is', 'actions are')} open{until}{approval}"


def person(row: Any) -> str:
    """Who does an action: the person, else the role."""
    return name(row["owner"], 40) if row.get("owner") else capital(words(row["owner_role"]))
