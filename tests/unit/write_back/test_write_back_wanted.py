"""What a target should hold: types, blanks, plain texts, the next action."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import yaml
from crm_feeds import FIELDS, account, feed, rules

from orchestration.policy.write_back import COLUMNS
from orchestration.settings import PROJECT_ROOT
from orchestration.write_back.wanted import wanted_rows
from tests.support.ledger import action


def wanted(*rows: dict, actions: tuple = (), fields: dict | None = None, **more: Any) -> dict[str, dict]:
    made = rules(target={"fields": fields or FIELDS}, **more).write_back
    with feed(*rows, actions=actions) as publication:
        found = list(wanted_rows(publication, made.targets["accounts"], made))
    assert len(found) == len(rows)
    return {record_id: json.loads(values) for record_id, values in found}


def test_values_keep_their_types_and_blanks_are_null() -> None:
    fields = {"A__c": "score", "B__c": "renewal_date", "C__c": "is_at_risk", "D__c": "tier", "E__c": "arr"}
    rows = (
        account("a", renewal_date=date(2026, 9, 1), is_at_risk=True, tier="at_risk", arr=Decimal("1234567.80")),
        account("b", None),
    )
    assert wanted(*rows, fields=fields) == {
        "a": {"A__c": 71.3, "B__c": "2026-09-01", "C__c": True, "D__c": "at_risk", "E__c": 1234567.8},
        "b": {"A__c": None, "B__c": None, "C__c": None, "D__c": None, "E__c": None},
    }


def test_the_order_of_fields_is_no_change() -> None:
    found = []
    for fields in ({"A__c": "score", "B__c": "tier"}, {"B__c": "tier", "A__c": "score"}):
        made = rules(target={"fields": fields}).write_back
        with feed(account("a", tier="stable")) as publication:
            found.append(list(wanted_rows(publication, made.targets["accounts"], made)))
    assert found[0] == found[1] == [("a", '{"A__c":71.3,"B__c":"stable"}')]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("two\r\nlines\tand\u00a0spaces ", "two lines and spaces"),
        ("turned \u202eround\u200b", "turned round"),
        ("\x07bell", "bell"),
        (' "quoted" <b> é', '"quoted" <b> é'),
        (" \n ", None),
    ],
)
def test_texts_are_plain_and_of_one_line(text: str, plain: str | None) -> None:
    assert wanted(account("a", summary=text), fields={"A__c": "summary"}) == {"a": {"A__c": plain}}


def next_of(*actions: dict, **more: Any) -> Any:
    fields = {"A__c": "next_action", "B__c": "next_action_due_on", "C__c": "next_action_priority",
              "D__c": "next_action_owner"}  # fmt: skip
    return tuple(wanted(account("a"), actions=actions, fields=fields, **more)["a"].values())


def task(action_id: str, **more: Any) -> dict:
    return action(action_id, kind="task", title=f"Do {action_id}", **more)


def test_the_next_action_is_the_most_urgent_open_one() -> None:
    late, soon = date(2026, 7, 9), date(2026, 7, 2)
    assert next_of(task("x", priority="P3", due_on=soon), task("y", due_on=late)) == (
        "Do y", "2026-07-09", "P2", "Cas Manager",
    )  # fmt: skip
    assert next_of(task("x", due_on=late), task("y", due_on=soon))[0] == "Do y"
    assert next_of(task("x", due_on=None), task("y", due_on=late))[0] == "Do y"
    assert next_of(task("y"), task("x"))[0] == "Do x"
    assert next_of(task("x", account_id="other")) == (None, None, None, None)


@pytest.mark.parametrize("status", ["queued", "pending_approval", "approved", "executing", "recommended"])
def test_what_is_still_to_be_carried_out_may_be_next(status: str) -> None:
    assert next_of(task("x", status=status))[0] == "Do x"


@pytest.mark.parametrize(
    "status", ["done", "failed", "rejected", "expired", "cause_cleared", "snoozed", "suppressed", "held_back"]
)
def test_what_is_over_or_put_off_is_not_next(status: str) -> None:
    assert next_of(task("x", status=status)) == (None, None, None, None)


def test_kinds_that_nobody_has_to_act_on_are_left_out_by_policy() -> None:
    urgent = (task("x", priority="P4"), action("n", kind="notification", priority="P1", title="Tell"))
    assert next_of(*urgent)[0] == "Do x"
    assert next_of(*urgent, write_back={"next_action_without": ()})[0] == "Tell"
    assert next_of(*urgent, write_back={"next_action_without": ("task", "notification")})[0] is None


def test_every_column_can_be_asked_of_the_published_tables() -> None:
    fields = {f"F{number}__c": column for number, column in enumerate(COLUMNS)}
    made = rules(target={"fields": fields}).write_back
    with feed() as publication:
        con = publication.connection
        for folder, table in (("feeds", "feed_sales"), ("actions", "recommended_actions")):
            path = PROJECT_ROOT / "dbt_project" / "models" / "published" / folder / f"_{folder}__published.yml"
            [columns] = [one["columns"] for one in yaml.safe_load(path.read_text())["models"] if one["name"] == table]
            typed = ", ".join(f"{one['name']} {one['data_type']}" for one in columns)
            con.execute(f"create or replace table published.{table} ({typed})")
        con.execute("insert into published.feed_sales (account_id, score) values ('a', 7.5)")
        [(record_id, values)] = wanted_rows(publication, made.targets["accounts"], made)
    assert (record_id, json.loads(values)) == ("a", dict.fromkeys(fields) | {"F7__c": 7.5})


def test_a_publication_without_the_tables_is_told() -> None:
    made = rules().write_back
    with feed() as publication:
        object.__setattr__(publication.manifest, "tables", frozenset())
        with pytest.raises(ValueError, match="the publication has no feed_sales and no recommended_actions"):
            wanted_rows(publication, made.targets["accounts"], made)
