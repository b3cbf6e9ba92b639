"""One account on the terminal: a page from its score down to the extractions it was read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from orchestration.explain.facts import Facts, Row

_STATUS = {"GREEN": "green", "YELLOW": "yellow", "RED": "red"}
_MODE = {"auto": "green", "approve": "yellow", "recommend": "cyan", "suppress": "dim"}
_SEVERITY = {"high": "red", "medium": "yellow", "low": "cyan"}
_FACTORS = ("leadership_change", "budget_pressure", "competitive_inquiry", "recent_outage", "engagement_decline")
_CRITERIA = (
    "plan_limit",
    "approaching_limit",
    "seat_growth",
    "feature_requests",
    "high_health",
    "no_billing_issue",
    "responsive",
)
_DIMENSIONS = ("support_quality", "engagement", "product_usage", "relationship", "sentiment")
_YES_OR_NO = "yes or no"
_BAR = 24


def show_brief(console: Console, facts: Facts) -> None:
    """Everything that is published of the account."""
    console.print(_head(facts))
    if facts.measures:
        console.print(_dimensions(facts), _measures(facts.measures))
    if facts.themes:
        console.print(_themes(facts.themes))
    if facts.churn:
        console.print(_churn(facts.churn))
    for table in (
        _plan(facts.plan),
        _offers(facts.offers),
        _decisions(facts.decisions),
        _expansion(facts.expansion),
        _candidates(facts.candidates),
        _actions(facts.actions),
        _sources(facts.sources),
    ):
        if table.row_count:
            console.print(table)
    if not facts.is_whole:
        console.print("[dim]Of that date only score and churn are kept; its publication is gone.[/]")
    console.print(f"[dim]{escape(_origin(facts))}[/]")


def show_assessment(console: Console, facts: Facts) -> None:
    """What the account is like, the baseline score field by field, and the actions that follow."""
    console.print(_head(facts), _baseline_fields(facts.health))
    if facts.themes:
        console.print(_themes(facts.themes))
    if facts.churn:
        console.print(_churn(facts.churn))
    actions = _actions(facts.actions)
    console.print(actions if actions.row_count else "No action follows.")


# The head


def _head(facts: Facts) -> Panel:
    health = facts.health
    lines = [
        _joined(health["segment"], health["lifecycle"], health["geo"], health["region"]),
        _joined(
            f"owner {health['owner_name'] or 'nobody'}",
            health["csm_name"] and f"CSM {health['csm_name']}",
            health["ae_name"] and f"AE {health['ae_name']}",
        ),
        "",
        _score(health),
        _status(health),
        _change(health),
        _baseline(health),
        "",
        _joined(f"ARR {_money(health['arr'])}", _renewal(health)),
        *(escape(text) for text in (health["missing_dimensions"], health["stale_sources"]) if text),
        *(["[yellow]A person has to look before anything is done: confidence is low.[/]"] * health["needs_review"]),
        *(["[dim]Read in part from later extractions, with later events left out.[/]"] * health["reconstructed"]),
        *(["", escape(health["summary"])] if health["summary"] else []),
    ]
    title = f"[bold]{escape(health['account_name'] or health['account_id'])}[/] ({escape(health['account_id'])})"
    return Panel("\n".join(lines), title=f"{title} as of {health['as_of_date']}", title_align="left")


def _score(health: Row) -> str:
    if health["score"] is None:
        return "No score: no dimension is available."
    text = f"Score [bold]{health['score']}[/] of 100, confidence {health['confidence']}"
    if health["score_low"] != health["score_high"]:
        text += f"; between {health['score_low']} and {health['score_high']} whatever the missing measures are"
    return text


def _status(health: Row) -> str:
    if health["status"] is None:
        text = "No status"
    else:
        text = f"{_coloured(health['status'])} by the machine, tier {health['tier']}"
    if health["csm_status"]:
        text += (
            f"; {escape(health['csm_called_by'])} called {_coloured(health['csm_status'])} on"
            f" {health['csm_called_on']}, until {health['csm_expires_on']}: {escape(health['csm_reason'])}"
        )
    return text


def _change(health: Row) -> str:
    if health["change_week"] is None and health["change_month"] is None and health["change_from_data"] is None:
        return "No earlier score to compare with"
    parts = [f"week {_signed(health['change_week'])}", f"month {_signed(health['change_month'])}"]
    if health["change_from_data"] is not None:
        split = f"data {_signed(health['change_from_data'])}, policy {_signed(health['change_from_policy'])}"
        parts.append(f"since the run before: {split}")
    flags = [
        *(["large change"] * bool(health["large_change"])),
        *(["newly at risk"] * bool(health["newly_at_risk"])),
    ]
    return _joined("Change", *parts, *(f"[yellow]{flag}[/]" for flag in flags))


def _baseline(health: Row) -> str:
    fields = [key.removesuffix("_points") for key in health if key.startswith("baseline_") and key.endswith("_points")]
    counted = [
        f"{_words(field.removeprefix('baseline_'))} {_number(health[field])} +{health[f'{field}_points']}"
        for field in fields
        if field != "baseline" and health[f"{field}_points"]
    ]
    text = f"Baseline {health['baseline_points']} ({health['baseline_label']})"
    return f"{text}: {', '.join(counted)}" if counted else text


def _baseline_fields(health: Row) -> Table:
    table = _table("Baseline score", "field", right=("value", "points"))
    for key in health:
        if key.startswith("baseline_") and key.endswith("_points") and key != "baseline_points":
            field = key.removesuffix("_points")
            value = health[field]
            shown = _number(value) if isinstance(value, Decimal | int) else escape(str(value or "–"))
            table.add_row(_words(field.removeprefix("baseline_")), shown, str(health[key]))
    table.add_section()
    table.add_row(f"[bold]{escape(health['baseline_label'])}[/]", "", f"[bold]{health['baseline_points']}[/]")
    return table


def _renewal(health: Row) -> str:
    if health["days_to_renewal"] is None:
        return f"no current contract, customer until {health['customer_until'] or 'unknown'}"
    return f"renewal {health['renewal_date']}, in {health['days_to_renewal']} days"


# Score


def _dimensions(facts: Facts) -> Table:
    table = _table("Dimensions", "dimension", "", right=("points",))
    most: dict[str, Decimal] = {}
    for measure in facts.measures:
        most[measure["dimension"]] = most.get(measure["dimension"], Decimal(0)) + measure["max_points"]
    for dimension in _DIMENSIONS:
        points = facts.health[dimension]
        if points is None:
            table.add_row(_words(dimension), "[dim]not available[/]", f"– / {_number(most[dimension])}")
            continue
        filled = round(_BAR * points / most[dimension]) if most[dimension] else 0
        bar = f"{'█' * filled}[dim]{'░' * (_BAR - filled)}[/]"
        table.add_row(_words(dimension), bar, f"{points} / {_number(most[dimension])}")
    return table


def _measures(measures: Sequence[Row]) -> Table:
    table = _table("Measures", "measure", right=("value", "band", "points", "one band better", "records"))
    table.add_column("from")
    for number, row in enumerate(measures):
        if row["is_present"]:
            cells = [
                _value(row),
                escape(row["band"]),
                f"{_number(row['points'])} / {_number(row['max_points'])}",
                f"+{row['next_band_gain']}" if row["next_band_gain"] else "",
            ]
        else:
            cells = ["[dim]missing[/]", "", f"– / {_number(row['max_points'])}", ""]
        reason = "" if row["is_present"] else f": {row['missing_reason']}"
        last = number + 1 == len(measures) or measures[number + 1]["dimension"] != row["dimension"]
        table.add_row(
            escape(row["label"]),
            *cells,
            _number(row["source_records"]),
            escape(f"{row['source']}{reason}"),
            end_section=last,
        )
    return table


def _value(row: Row) -> str:
    if row["unit"] == _YES_OR_NO:
        return "yes" if row["value"] else "no"
    return f"{_number(row['value'])} {escape(row['unit'])}"


def _themes(themes: Sequence[Row]) -> Table:
    table = _table("Why", "theme", "severity", "evidence")
    for row in themes:
        theme = _words(row["theme"])
        table.add_row(
            f"[bold]{theme}[/] (root cause)" if row["is_root_cause"] else theme,
            f"[{_SEVERITY.get(row['severity'], 'default')}]{row['severity']}[/]",
            escape(row["evidence"]),
        )
    return table


# What may come, and what to do


def _churn(churn: Row) -> Table:
    table = _table("Churn", "factor", right=("points",))
    table.add_column("evidence", overflow="fold")
    table.add_row(f"status {churn['status']}", _number(churn["base"]), "")
    table.add_row("renewal", _plus(churn["renewal_addition"]), _in_days(churn["days_to_renewal"]))
    for factor in _FACTORS:
        holds = churn[factor]
        style = "" if holds else "dim"
        addition = _plus(churn[f"{factor}_addition"]) if holds else "–"
        table.add_row(_words(factor), addition, escape(churn[f"{factor}_evidence"] or ""), style=style)
    table.add_section()
    table.add_row(
        "[bold]probability[/]",
        f"[bold]{_number(churn['churn_probability'])} %[/]",
        escape(churn["probability_reason"]),
    )
    table.caption = " ".join(
        (
            f"{_money(churn['expected_loss'])} a year expected to be lost;",
            f"three-year value {_money(churn['three_year_value'])};",
            f"saved with {_number(churn['save_probability'])} %, so stepping in is worth",
            f"{_money(churn['intervention_priority'])}. Lifetime value {_money(churn['lifetime_value'])}.",
            escape(churn["outreach_reason"] or ""),
        )
    )
    return table


def _plan(plan: Sequence[Row]) -> Table:
    table = _table("Retention plan", "phase", "due", "step", "who", "why")
    # A publication of before the column goes by the day it has.
    for day, row in sorted(
        ((one.get("standing_due_on") or one["due_on"], one) for one in plan), key=lambda two: two[0]
    ):
        due = f"[red]{day}[/]" if row["is_overdue"] or day < row["as_of_date"] else str(day)
        who = " with ".join(filter(None, (row["owner_role"], row["joined_by"])))
        table.add_row(_words(row["phase"]), due, *map(escape, (row["action"], who, row["why"])))
    reviews = dict.fromkeys(row["review_reason"] for row in plan if row["review_reason"])
    table.caption = escape("; ".join(reviews)) or None
    return table


def _offers(offers: Sequence[Row]) -> Table:
    table = _table("Retention offer", "offer", "why")
    for row in offers:
        table.add_row(escape(row["offer"]), escape(row["why"]))
    return table


def _decisions(decisions: Sequence[Row]) -> Table:
    table = _table("For executives to decide", "due", "decision", "who", "why")
    for row in decisions:
        table.add_row(str(row["due_on"]), *map(escape, (row["title"], row["decision_maker"], row["why"])))
    return table


def _expansion(expansion: Sequence[Row]) -> Table:
    table = _table("Expansion", "type", "priority", right=("potential", "chance", "expected"))
    table.add_column("why", overflow="fold")
    for row in expansion:
        table.add_row(
            _words(row["type"]) + (" [bold](primary)[/]" if row["is_primary"] else ""),
            row["priority"],
            _money(row["potential_arr"]),
            f"{_number(row['close_probability'] * 100)} %",
            _money(row["expected_arr"]),
            escape(row["justification"] or row["description"]),
        )
    if expansion:
        first = expansion[0]
        met = [_words(name) for name in _CRITERIA if first[name]]
        unmet = [f"{_words(name)} ({first[f'{name}_evidence']})" for name in _CRITERIA if not first[name]]
        verdict = "Qualified" if first["qualified"] else "Not qualified"
        table.caption = escape(
            f"{verdict}: {', '.join(met) or 'nothing speaks for it'}; not: {', '.join(unmet) or '–'}"
        )
    return table


def _candidates(candidates: Sequence[Row]) -> Table:
    table = _table("Health checks", "status", "due", "product", "milestone", "why", "near miss")
    for row in candidates:
        cells = (row["product"], _words(row["milestone"]), row["flag_reason"], row["near_miss"] or "")
        table.add_row(_words(row["status"]), str(row["due_date"]), *map(escape, cells))
    return table


def _actions(actions: Sequence[Row]) -> Table:
    table = _table("Actions", "priority", "mode", "action", "who", "due", "why")
    for row in actions:
        mode = f"[{_MODE.get(row['mode'], 'default')}]{row['mode']}[/]"
        why = "\n".join(filter(None, (row["rationale"], row["guards"])))
        who = row["owner"] or row["owner_role"]
        table.add_row(row["priority"], mode, *map(escape, (row["title"], who, str(row["due_on"]), why)))
    return table


# Where it comes from


def _sources(sources: Iterable[Row]) -> Table:
    table = _table("Sources", "stream", "state", right=("age",))
    table.add_column("extraction", overflow="fold")
    for row in sources:
        if not row["is_present"]:
            table.add_row(row["stream"], "[dim]nothing to use[/]", "", escape(row["problem"] or ""))
            continue
        state = "left out as stale" if row["is_omitted"] else "stale" if row["is_stale"] else "fresh"
        state = f"[yellow]{state}[/]" if row["is_stale"] else state
        table.add_row(
            row["stream"],
            f"{state}, reconstructed" if row["reconstructed"] else state,
            f"{row['age_days']} d",
            escape("; ".join(filter(None, (row["extraction_id"], row["problem"])))),
        )
    return table


def _origin(facts: Facts) -> str:
    health = facts.health
    return (
        f"Publication {facts.snapshot_id}, made {facts.published_at:%Y-%m-%d %H:%M} UTC by run {health['run_id']}"
        f" with policies {health['policy_version']}."
    )


# Words and figures


def _table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, caption_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for column in right:
        table.add_column(column, justify="right")
    return table


def _joined(*parts: Any) -> str:
    return " · ".join(str(part) for part in parts if part)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _coloured(status: str) -> str:
    return f"[bold {_STATUS.get(status, 'default')}]{status}[/]"


def _number(value: Decimal | int | None) -> str:
    """Without needless zeros, two decimals at most."""
    if value is None:
        return "–"
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def _money(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _signed(value: Decimal | None) -> str:
    return "–" if value is None else f"{value:+}"


def _plus(value: Decimal | None) -> str:
    return f"+{_number(value)}" if value else "–"


def _in_days(days: int | None) -> str:
    return "no current contract" if days is None else f"in {days} days"
