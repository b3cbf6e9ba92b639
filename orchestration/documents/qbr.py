"""The QBR deck: what the customer has of us, for the customer's eyes. It knows only `customer.py`'s facts."""

from __future__ import annotations

from decimal import Decimal

from orchestration.documents.content import Block, Bullets, Chart, Deck, Series, Slide, Table, Tile
from orchestration.documents.customer import AREAS, CustomerFacts
from orchestration.documents.findings import label_of, lost, value_of
from orchestration.documents.rows import Row
from orchestration.documents.wording import capital, day, listed, name, number, occasion, plain, words
from orchestration.policy.documents import Documents

KIND = "qbr_deck"
_ALL = 100
_DELIVERED = ("completed", "completed_late")
_OPEN = ("past_due", "pending", "upcoming")
_SHOWN = 6
# From here on an area is one to be content with.
_GOOD_SHARE = 80


def qbr_deck(facts: CustomerFacts, policy: Documents) -> Deck:
    """The deck for the next business review with the customer."""
    called = name(facts.account["account_name"])
    slides = (
        _first(facts),
        _areas(facts),
        _area(facts, "support_quality", "Support", "support"),
        _area(facts, "product_usage", "Use of the service", "your use of the service"),
        _area(facts, "engagement", "Working together", "how we work together"),
        _checks(facts),
        _steps(facts, policy),
        _ask(facts),
    )
    return Deck(KIND, f"Business review: {called}", "Business review", "", facts.as_of, slides)


def _shares(facts: CustomerFacts) -> list[tuple[str, float | None]]:
    """(area, percent of what it can reach, or None)."""
    found: list[tuple[str, float | None]] = []
    for area in AREAS:
        most = sum((row["max_points"] for row in facts.measures if row["dimension"] == area), Decimal(0))
        points = facts.health.get(area)
        found.append((area, float(round(points / most * _ALL)) if points is not None and most else None))
    return found


def _first(facts: CustomerFacts) -> Slide:
    account = facts.account
    people = [("Account owner", account["owner_name"]), ("Customer success", account["csm_name"])]
    tiles = tuple(Tile(name(person, 28), role) for role, person in people if person)
    renewal = facts.health.get("renewal_date")
    tiles += (Tile(day(renewal), "contract renews"),) if renewal else ()
    said = [f"{_finding_of_areas(facts)}.", f"{_finding_of_checks(facts)}."]
    return Slide(
        f"Business review with {name(account['account_name'])}", (Bullets(tuple(said)),), tiles, day(facts.as_of)
    )


def _finding_of_areas(facts: CustomerFacts) -> str:
    known = [(share, area) for area, share in _shares(facts) if share is not None]
    if not known:
        return "We have no figures on the service yet, and would like to agree on some"
    (best, first), (least, last) = max(known), min(known)
    if least >= _GOOD_SHARE:
        return f"Every area that we measure reaches {number(least)} % or more of what it can"
    if len(known) == 1:
        return f"{capital(words(first))} reaches {number(best)} % of what it can"
    if best < _GOOD_SHARE:
        return f"No area is where we want it to be yet; {words(last)}, with {number(least)} %, is the weakest"
    weakest = f"{words(last)}, with {number(least)} %, is the weakest"
    return f"{capital(words(first))} does best, with {number(best)} %; {weakest}"


def _areas(facts: CustomerFacts) -> Slide:
    shares = _shares(facts)
    finding = _finding_of_areas(facts)
    if all(share is None for _, share in shares):
        return Slide(finding, (Bullets(("Which figures would tell you that the service is worth it",)),))
    chart = Chart(
        "bars",
        tuple(capital(words(area)) + ("" if share is not None else ": not known") for area, share in shares),
        (Series("% of what it can reach", tuple(share for _, share in shares)),),
        _ALL,
        "%",
        "Percent of what each area can reach",
    )
    said = Bullets(
        (
            "Each area sums up several measures of the last months",
            "100 % means that every measure is where we want it to be",
            "The next pages show the measures",
        ),
        "How to read it",
    )
    return Slide(finding, (chart, said), kicker="Health by area")


def _area(facts: CustomerFacts, area: str, kicker: str, called: str) -> Slide:
    measures = facts.of_area(area)
    known = [row for row in measures if row["is_present"]]
    if not known:
        said = Bullets(("What would you like to see here at the next review",))
        return Slide(f"We have no figures on {called} yet", (said,), kicker=kicker)
    table = Table(("Measure", "Now"), tuple((capital(label_of(row)), value_of(row)) for row in known), (0.6, 0.4))
    return Slide(_finding_of_area(known, called), (table,), kicker=kicker)


def _finding_of_area(known: list[Row], called: str) -> str:
    worst = max(known, key=lambda row: (lost(row), row["measure"]))
    if not lost(worst):
        return f"All that we measure of {called} is where we want it to be"
    return f"{capital(label_of(worst))}, {value_of(worst)}, is what we want to get better first"


def _open_checks(facts: CustomerFacts) -> tuple[list[Row], list[Row]]:
    """The health checks that are still to be held: those to be arranged, whose day is past, and those ahead."""
    found = [row for row in facts.targets if row["status"] in _OPEN]
    late = [row for row in found if row["due_date"] < facts.as_of]
    return late, [row for row in found if row["due_date"] >= facts.as_of]


def _finding_of_checks(facts: CustomerFacts) -> str:
    delivered = [row for row in facts.targets if row["status"] in _DELIVERED]
    late, coming = _open_checks(facts)
    products = listed(dict.fromkeys(plain(row["product"], 40) or "your contract" for row in late))
    some = "one" if len(late) == 1 else _COUNTS.get(len(late), f"{len(late):,}")
    to_arrange = f"{some} for {products} {'is' if len(late) == 1 else 'are'} to be arranged"
    if coming:
        said = f"Your next health check is due by {day(coming[0]['due_date'])}"
    elif delivered:
        said = f"Your last health check was on {day(max(row['completed_on'] for row in delivered))}"
    else:
        said = "No health check has been held with you yet"
    if late:
        return f"{said}; {to_arrange}"
    return said if coming or not delivered else f"{said}; no other is due at present"


def _checks(facts: CustomerFacts) -> Slide:
    delivered = [
        _check(row, f"held on {day(row['completed_on'])}", name(row["completed_by"], 40))
        for row in facts.targets
        if row["status"] in _DELIVERED
    ]
    late, ahead = _open_checks(facts)
    coming = [_check(row, "to be arranged") for row in late]
    coming += [_check(row, f"due by {day(row['due_date'])}") for row in ahead]
    # What is open comes before what was held long ago.
    rows = (delivered + coming[:_SHOWN])[-_SHOWN:]
    total = len(delivered) + len(coming)
    block: Block = (
        Table(("Product", "Occasion", "When", "By"), tuple(rows), (0.24, 0.32, 0.24, 0.2))
        if rows
        else Bullets(("When would a health check help you most",))
    )
    part = f", {len(rows)} of {total}" if len(rows) < total else ""
    return Slide(_finding_of_checks(facts), (block,), kicker=f"Health checks{part}")


def _check(row: Row, when: str, by: str = "") -> tuple[str, str, str, str]:
    return plain(row["product"], 40) or "–", capital(occasion(row["milestone"])), when, by


def _steps(facts: CustomerFacts, policy: Documents) -> Slide:
    shown = [row for area in AREAS for row in facts.of_area(area) if lost(row) > 0]
    worst = sorted(shown, key=lambda row: (-lost(row), row["measure"]))
    rows = tuple(
        (advice.offer, f"{capital(label_of(row))}: {value_of(row)}")
        for row in worst
        if (advice := policy.advice.get(row["measure"])) and advice.offer
    )[: policy.listed.recommendations]
    who = facts.account["csm_name"] or facts.account["owner_name"]
    by = f", led by {name(who, 40)}" if who else ""
    if not rows:
        return Slide("We propose to go on as we do", (Bullets(("The figures that we have ask for nothing else",)),))
    count = "One step" if len(rows) == 1 else f"{capital(_COUNTS.get(len(rows), str(len(rows))))} steps"
    return Slide(
        f"{count} that we propose for the next quarter{by}",
        (Table(("Step", "Because"), rows, (0.64, 0.36)),),
        kicker="Next steps",
    )


_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def _ask(facts: CustomerFacts) -> Slide:
    renewal = facts.health.get("renewal_date")
    said = (
        "Which of your goals for the next two quarters we should know",
        "What we should do more of, and what less",
        "Who of your people should be at the next review",
        *([f"What you need from us before the renewal on {day(renewal)}"] if renewal else []),
    )
    return Slide("What we would like to hear from you", (Bullets(said),), kicker="Your view")
