"""The health-check deck: for the team that holds the health check, at most ten slides, one finding each."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from orchestration.documents import findings
from orchestration.documents.content import Block, Bullets, Chart, Deck, Series, Slide, Table, Tile, Tone
from orchestration.documents.facts import Facts
from orchestration.documents.rows import Row
from orchestration.documents.wording import (
    capital,
    counted,
    day,
    first_of,
    money,
    month,
    name,
    number,
    occasion,
    plain,
    short_day,
    words,
)
from orchestration.policy.documents import Advice, Documents
from orchestration.policy.models import Policies

KIND = "health_check_deck"
_HIGHEST_SCORE = 100
TONES: Mapping[str, Tone] = {"GREEN": "good", "YELLOW": "fair", "RED": "bad"}
_MARK = "Internal: not for the customer"


def health_check_deck(facts: Facts, target: Row | None, policies: Policies) -> Deck:
    """The deck of an account for one of its health-check targets, or for the account as a whole."""
    policy, currency = policies.documents, policies.calendar.reporting_currency
    called = name(facts.account["account_name"])
    return Deck(
        kind=KIND,
        title=f"Health check: {called}",
        subject="Health check",
        mark=_MARK,
        as_of=facts.as_of,
        slides=(
            _first(facts, target, currency),
            _profile(facts, target, policies),
            _dimensions(facts),
            _trend(facts),
            _support(facts),
            _usage(facts),
            _risks(facts, policy),
            _recommendations(facts, policy),
            _actions(facts, policy),
            _questions(facts, policy),
        ),
    )


def _first(facts: Facts, target: Row | None, currency: str) -> Slide:
    account = facts.account
    tiles = (
        Tile(number(account["score"]), "score of 100", TONES.get(account["final_status"], "")),
        Tile(account["final_status"] or "–", "status", TONES.get(account["final_status"], "")),
        Tile(money(account["arr"], currency), "ARR"),
        Tile(short_day(account["renewal_date"]), "renewal"),
    )
    said = [findings.of_target(target, facts, currency), findings.of_dimensions(facts), findings.of_trend(facts)]
    said += [call] if (call := findings.of_call(facts)) else []
    said += [f"Churn probability {chance}"] if (chance := findings.chance(facts)) else []
    return Slide(findings.of_account(facts), (Bullets(tuple(f"{one}." for one in said)),), tiles, "Health check")


def _profile(facts: Facts, target: Row | None, policies: Policies) -> Slide:
    account, currency = facts.account, policies.calendar.reporting_currency
    tenure = next((row for row in facts.measures if row["measure"] == "tenure_years" and row["is_present"]), None)
    people = [("Owner", account["owner_name"]), ("CSM", account["csm_name"]), ("Account executive", account["ae_name"])]
    rows = [
        ("Segment", words(account["segment"])),
        ("Lifecycle", words(account["lifecycle"])),
        ("Where", f"{plain(account['geo'], 30) or '–'}, {plain(account['region'], 30) or '–'}"),
        *((role, name(person, 40) if person else "nobody") for role, person in people),
        ("Customer for", findings.value_of(tenure) if tenure else "not known"),
        ("Customer until", day(account["customer_until"])),
        ("Confidence in the score", words(account["confidence"])),
    ]
    return Slide(
        findings.of_target(target, facts, currency),
        (
            Table(("Account", ""), tuple(rows), (0.42, 0.58)),
            Table(("Contract", ""), tuple(_contract(facts, target, policies)), (0.42, 0.58)),
        ),
        kicker="Account and contract",
    )


def _contract(facts: Facts, target: Row | None, policies: Policies) -> list[tuple[str, str]]:
    """What is known of the target's contract; without a target, the accounts' contracts in short."""
    currency = policies.calendar.reporting_currency
    if target is None:
        contracts = {row["contract_id"]: row for row in facts.targets}
        return [
            (plain(row["product"], 30) or "contract", f"{money(row['amount'], currency)}, {plain(key, 30)}")
            for key, row in list(contracts.items())[-8:]
        ] or [("Contract", "none with a health check")]
    dates = {
        policies.health_checks.milestones[row["milestone"]].anchor: row["anchor_date"]
        for row in facts.targets
        if row["contract_id"] == target["contract_id"] and row["milestone"] in policies.health_checks.milestones
    }
    return [
        ("Product", plain(target["product"], 40) or "–"),
        ("Amount", money(target["amount"], currency)),
        ("Contract", plain(target["contract_id"], 40)),
        ("Starts", day(dates.get("contract_start"))),
        ("Ends", day(dates.get("contract_end"))),
        ("Milestone", capital(occasion(target["milestone"]))),
        ("Due", day(target["due_date"])),
        ("Window", f"{day(target['window_opens_on'])} to {day(target['window_closes_on'])}"),
        *([("Near miss", plain(target["near_miss"], 90))] if target["near_miss"] else []),
    ]


def _dimensions(facts: Facts) -> Slide:
    found = findings.dimension_points(facts)
    label = [capital(words(key)) + ("" if points is not None else ": not known") for key, points, _ in found]
    chart = Chart(
        "bars",
        tuple(label),
        (
            Series("points earned", tuple(None if points is None else float(points) for _, points, _ in found)),
            Series(
                "points lost",
                tuple(None if points is None else float(most - points) for _, points, most in found),
                "quiet",
            ),
        ),
        float(max((most for *_, most in found), default=Decimal(1)) or 1),
        "points",
        "Points of health earned and lost, by dimension",
    )
    worst = sorted((row for row in facts.measures if findings.lost(row) > 0), key=lambda row: -findings.lost(row))[:4]
    bullets = Bullets(
        tuple(
            f"{capital(findings.label_of(row))}: {findings.value_of(row)}, {findings.points_of(row)} points"
            for row in worst
        )
        or (
            "No measure that is known loses a point"
            if any(row["is_present"] for row in facts.measures)
            else "None yet",
        ),
        "What costs the most",
    )
    has_any = any(points is not None for _, points, _ in found)
    return Slide(
        findings.of_dimensions(facts), (chart, bullets) if has_any else (bullets,), kicker="Health by dimension"
    )


def _trend(facts: Facts) -> Slide:
    if not facts.trend:
        return Slide(findings.of_trend(facts), (Bullets(("The trend begins with the first score.",)),), kicker="Score")
    account = facts.account
    chart = Chart(
        "line",
        tuple(month(when) for when, _ in facts.trend),
        (Series("score", tuple(float(score) for _, score in facts.trend)),),
        _HIGHEST_SCORE,
        "points",
        "Score at the end of each month",
    )
    said = [f"Now {number(account['score'])}, {words(account['tier'])}"]
    if account["score_low"] is not None:
        said.append(f"Sure between {number(account['score_low'])} and {number(account['score_high'])}")
    if account["change_month"] is not None:
        said.append(f"{number(account['change_month'])} points against a month ago")
    if account["missing_dimensions"]:
        said.append(f"Not known: {plain(account['missing_dimensions'], 120)}")
    return Slide(findings.of_trend(facts), (chart, Bullets(tuple(said), "The score")), kicker="Score")


def measure_table(measures: list[Row]) -> Table:
    """Measures with values and points."""
    return Table(
        ("Measure", "Now", "Points"),
        tuple((capital(findings.label_of(row)), findings.value_of(row), findings.points_of(row)) for row in measures),
        (0.42, 0.26, 0.32),
    )


def _support(facts: Facts) -> Slide:
    measures, account = facts.of_dimension("support_quality"), facts.account
    open_ones = (
        f"{counted(account['tickets_open'] or 0, 'ticket')} open",
        f"{counted(account['urgent_tickets_open'] or 0, 'urgent one')} among them",
        f"{counted(account['open_major_blockers'] or 0, 'major blocker')} open",
    )
    blocks: tuple[Block, ...] = (measure_table(measures),) if measures else ()
    return Slide(
        findings.of_measures(measures, "support quality"), (*blocks, Bullets(open_ones, "Open now")), kicker="Support"
    )


def _usage(facts: Facts) -> Slide:
    usage, engagement = facts.of_dimension("product_usage"), facts.of_dimension("engagement")
    nothing = Bullets(("No measure of use or engagement is told by the sources.",))
    blocks: tuple[Block, ...] = tuple(measure_table(rows) for rows in (usage, engagement) if rows) or (nothing,)
    return Slide(findings.of_measures(usage, "product usage"), blocks, kicker="Usage and engagement")


def _risks(facts: Facts, policy: Documents) -> Slide:
    rows = findings.risk_rows(facts)
    shown = rows[: policy.listed.risks]
    blocks: tuple[Block, ...] = (
        Table(("Risk", "Weight", "Evidence"), tuple(shown), (0.2, 0.14, 0.66))
        if rows
        else Bullets(("Nothing that is known speaks against the renewal.",)),
    )
    return Slide(findings.of_risks(facts), blocks, kicker=f"Risks and their evidence{first_of(len(shown), len(rows))}")


def advice_of(policy: Documents, row: Row) -> Advice | None:
    return policy.advice.get(row["measure"])


def _recommendations(facts: Facts, policy: Documents) -> Slide:
    rows = [
        (
            advice.recommend,
            f"{capital(findings.label_of(row))}: {findings.value_of(row)}",
            f"+{number(row['next_band_gain'])}",
        )
        for row in findings.gains(facts)
        if (advice := advice_of(policy, row))
    ]
    shown = rows[: policy.listed.recommendations]
    block: Block = (
        Table(("What to do", "Because", "Score"), tuple(shown), (0.56, 0.34, 0.1))
        if rows
        else Bullets(("Keep the rhythm of meetings, and bring what was achieved.",))
    )
    return Slide(
        findings.of_recommendations(facts), (block,), kicker=f"Recommendations{first_of(len(shown), len(rows))}"
    )


def _actions(facts: Facts, policy: Documents) -> Slide:
    actions = findings.open_actions(facts)
    rows = tuple(
        (plain(row["title"], 90), findings.person(row), day(row["due_on"]), row["priority"], words(row["status"]))
        for row in actions[: policy.listed.actions]
    )
    block: Block = (
        Table(("Action", "Owner", "Due", "Priority", "Status"), rows, (0.36, 0.22, 0.18, 0.1, 0.14))
        if rows
        else Bullets(("Nothing is asked of anybody by the rules of policy.",))
    )
    return Slide(findings.of_actions(facts), (block,), kicker=f"Actions and owners{first_of(len(rows), len(actions))}")


def questions(facts: Facts, policy: Documents) -> list[str]:
    """What only the customer can say: of what costs the most, then of what isn't known."""
    costly = sorted((row for row in facts.measures if findings.lost(row) > 0), key=lambda row: -findings.lost(row))
    unknown = [row for row in facts.measures if not row["is_present"]]
    asked = [advice.confirm for row in (*costly, *unknown) if (advice := advice_of(policy, row))]
    renewal = facts.account["renewal_date"]
    first = [f"Who decides on the renewal on {day(renewal)}, and what they need for it"] if renewal else []
    return list(dict.fromkeys((*first, *asked)))[: policy.listed.questions]


def _questions(facts: Facts, policy: Documents) -> Slide:
    asked = questions(facts, policy)
    if not asked:
        return Slide("Nothing is open with the customer", (Bullets(("Confirm the goals for the next quarter.",)),))
    return Slide(
        f"{capital(counted(len(asked), 'point'))} to settle with the customer",
        (Bullets(tuple(asked)),),
        kicker="To confirm with the customer",
    )
