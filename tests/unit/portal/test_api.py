"""The JSON API, from a served portal: what its description promises, who sees what, and paging that loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from orchestration.settings import Settings
from portal.api.questions import OPERATORS, RESERVED
from tests.support.portal import AS_OF, GEO, HOSTILE, SELLER, home, published, served, signed_in
from tests.support.publications import publish_again

API = "/api/v1"
CANDIDATES = f"{API}/tables/health_check_candidates"
MUCH = 1_000_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    limits = {"most_a_minute": MUCH, "most_sign_ins_a_minute": MUCH, "most_a_minute_of_a_token": MUCH}
    return home(tmp_path_factory.mktemp("api"), portal=limits)


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def everybody(base: str) -> httpx.Client:
    return signed_in(base, "Otto", ["executive"])


def walked(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Every row, answer after answer."""
    found: list[dict[str, Any]] = []
    following: str | None = path
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        content = answer.json()
        found += content["rows"]
        following = content["next"]
    assert len(found) == content["total"]
    return found


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["status"] == status
    return content["detail"]


def test_every_table_can_be_read_to_its_end_without_losing_a_digit(settings: Settings, everybody: httpx.Client) -> None:
    listed = everybody.get(f"{API}/tables").json()["tables"]
    assert len(listed) > 45
    for table in listed:
        rows = walked(everybody, f"{table['path']}?limit=500")
        kept = published(settings, f'select * from "{table["name"]}"')
        assert len(rows) == len(kept), table["name"]
        exact = [column["name"] for column in table["columns"] if column["type"].startswith("DECIMAL")]
        as_texts = sorted([str(row[name]) for name in exact] for row in rows)
        assert as_texts == sorted([str(row[name]) for name in exact] for row in kept), table["name"]
        keys = {tuple(row[name] for name in table["key"]) for row in rows}
        assert len(keys) == len(rows), f"{table['name']} has rows twice"


def test_conditions_orders_and_columns(settings: Settings, everybody: httpx.Client) -> None:
    asked = {
        "status=past_due": "status = 'past_due'",
        "status.ne=past_due": "status <> 'past_due'",
        "status.in=past_due,pending": "status in ('past_due', 'pending')",
        "amount.gte=20000&amount.lt=90000.5": "amount >= 20000 and amount < 90000.5",
        "days_to_due.lte=-3": "days_to_due <= -3",
        f"due_date.gt={AS_OF}": f"due_date > date '{AS_OF}'",
        "owner_name.is_null=true": "owner_name is null",
        "in_window=true": "in_window",
        "account_name.contains=ALERT(": "contains(lower(account_name), 'alert(')",
        "published_at.lt=2026-07-01T08:00:00%2B01:00": "published_at < timestamp '2026-07-01 07:00:00'",
    }
    for query, condition in asked.items():
        rows = walked(everybody, f"{CANDIDATES}?{query}&order=-amount,due_date&columns=target_id,amount&limit=40")
        kept = published(
            settings,
            f"select target_id, amount from health_check_candidates where {condition}"
            " order by amount desc nulls last, due_date nulls last, target_id",
        )
        assert [(row["target_id"], Decimal(row["amount"])) for row in rows] == [
            (row["target_id"], row["amount"]) for row in kept
        ], query
        assert all(row.keys() == {"target_id", "amount"} for row in rows)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("statuss=x", "Did you mean status?"),
        ("status.eqq=x", "Did you mean eq?"),
        ("order=-amout", "Did you mean amount?"),
        ("columns=amount,", "no column (empty)"),
        ("amount.gte=many", "amount.gte is a number, not many"),
        ("amount=1e999999999", "is a number"),
        ("amount=NaN", "is a number"),
        ("rank=99999999999999999999", "a whole number"),
        ("due_date=2026-02-30", "a date such as"),
        ("in_window=yes", "true or false"),
        ("due_date.contains=2026", "only texts"),
        ("limit=0", "limit is a number from 1"),
        ("limit=1001", "limit is a number from 1 to 1,000"),
        ("offset=-1", "offset is a number"),
        ("cursor=abc", "cursor"),
        ("cursor=W10", "cursor"),
        ("&".join(["status=x"] * 121), "121 conditions"),
    ],
)
def test_what_is_wrong_is_said_with_what_comes_near(everybody: httpx.Client, query: str, words: str) -> None:
    assert words in problem(everybody.get(f"{CANDIDATES}?{query}"), 400)


def test_rows_are_those_of_who_asks(settings: Settings, base: str) -> None:
    seller = signed_in(base, SELLER)
    rows = walked(seller, f"{CANDIDATES}?limit=1000")
    assert {row["owner_name"] for row in rows} == {SELLER}
    assert {row["account_id"] for row in rows} >= set(HOSTILE)
    names = {table["name"] for table in seller.get(f"{API}/tables").json()["tables"]}
    assert "nps_summary" not in names, "figures of the whole company"
    assert problem(seller.get(f"{API}/tables/nps_summary"), 404) == problem(seller.get(f"{API}/tables/nothing"), 404)
    manager = signed_in(base, "Mara", ["manager"], geos=[GEO])
    assert {row["geo"] for row in walked(manager, f"{CANDIDATES}?limit=1000")} == {GEO}


def test_one_account_and_one_that_is_another_s_answer_as_they_should(settings: Settings, base: str) -> None:
    seller = signed_in(base, SELLER)
    told = seller.get(f"{API}/accounts/H-05").json()
    assert told["tables"]["account_signals"][0]["account_name"] == HOSTILE["H-05"]
    assert told["tables"]["health_check_targets"]
    other = published(settings, f"select account_id from account_signals where owner_name <> '{SELLER}' limit 1")[0]
    refused = problem(seller.get(f"{API}/accounts/{other['account_id']}"), 404)
    assert refused == problem(seller.get(f"{API}/accounts/nothing"), 404)


def test_actions_of_the_ledger_are_cut_and_walked(base: str, everybody: httpx.Client) -> None:
    def all_of(client: httpx.Client) -> list[dict[str, Any]]:
        found, after = [], ""
        while True:
            content = client.get(f"{API}/actions", params={"limit": 150, "after": after}).json()
            found += content["actions"]
            after = content["next_after"]
            if after is None:
                return found

    whole, own = all_of(everybody), all_of(signed_in(base, SELLER))
    ids = [row["action_id"] for row in whole]
    assert ids == sorted(set(ids))
    assert 0 < len(own) < len(whole)
    seen = {row["account_id"] for row in walked(signed_in(base, SELLER), f"{API}/tables/account_signals")}
    assert {row["account_id"] for row in own} <= seen
    assert problem(everybody.get(f"{API}/actions?status=nothing"), 400)


def test_an_answer_that_is_known_isn_t_sent_again(base: str, everybody: httpx.Client) -> None:
    answer = everybody.get(CANDIDATES)
    assert answer.headers["cache-control"] == "private, no-cache"
    tag = answer.headers["etag"]
    again = everybody.get(CANDIDATES, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert everybody.get(f"{CANDIDATES}?limit=2", headers={"If-None-Match": tag}).status_code == 200
    assert signed_in(base, SELLER).get(CANDIDATES, headers={"If-None-Match": tag}).status_code == 200


def test_a_cursor_ends_with_its_publication_and_its_question(tmp_path: Path) -> None:
    own = home(tmp_path)
    with served(own) as address:
        client = signed_in(address, "Otto", ["executive"])
        following = client.get(f"{CANDIDATES}?limit=10&status=upcoming").json()["next"]
        assert "another question" in problem(client.get(following.replace("upcoming", "pending")), 400)
        assert client.get(following).status_code == 200
        was = client.get(f"{API}/publication").json()["snapshot_id"]
        now = publish_again(own)
        deadline = time.monotonic() + 60
        while client.get(f"{API}/publication").json()["snapshot_id"] != now:
            assert time.monotonic() < deadline, "the new publication isn't shown"
            time.sleep(0.05)
        assert was in problem(client.get(following), 410)


def test_it_only_reads_and_only_for_who_is_known(base: str, everybody: httpx.Client) -> None:
    for path in ("/publication", "/tables", "/tables/alerts", "/accounts/H-05", "/actions", "/openapi.json"):
        answer = httpx.get(f"{base}{API}{path}")
        assert problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert everybody.request(method, f"{API}{path}").status_code == 405
    assert problem(everybody.get(f"{API}/nothing"), 404)


def test_the_page_for_people_has_every_table(base: str, everybody: httpx.Client) -> None:
    page = everybody.get("/api")
    assert page.status_code == 200
    for table in everybody.get(f"{API}/tables").json()["tables"]:
        assert f"<code>{table['name']}</code>" in page.text
        assert not {column["name"] for column in table["columns"]} & set(RESERVED)


# What nobody would think of


def test_answers_are_as_described(base: str, everybody: httpx.Client) -> None:
    """Addresses made from the description itself: none breaks, and every answer is of the shape it promises."""
    cookie = "; ".join(f"{name}={value}" for name, value in everybody.cookies.items())
    described = everybody.get(f"{API}/openapi.json").json()
    some = {"alerts", "health_check_candidates", "nps_summary", "account_health_history", "hygiene_scorecard"}
    described["paths"] = {
        path: operations
        for path, operations in described["paths"].items()
        if not path.startswith(f"{API}/tables/") or path.rsplit("/", 1)[1] in some
    }
    schema = schemathesis.openapi.from_dict(described)
    schema.config.update(base_url=base)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE], max_examples=25)
    tried = 0
    for found in schema.get_all_operations():

        @given(case=found.ok().as_strategy())
        @bounded(
            max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
        )
        def called(case: Any) -> None:
            nonlocal tried
            tried += 1
            answer = case.call(base_url=base, headers={"Cookie": cookie})
            case.validate_response(answer, excluded_checks=[schemathesis.checks.ignored_auth])

        called()
    assert tried > 100


_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    column=st.sampled_from(["status", "amount", "due_date", "in_window", "published_at", "rank", "account_name"])
    | _ANY,
    operator=st.sampled_from(["", *(f".{one}" for one in OPERATORS)]) | _ANY,
    value=_ANY
    | st.integers().map(str)
    | st.floats().map(str)
    | st.dates().map(str)
    | st.sampled_from(list(HOSTILE.values())),
    more=st.dictionaries(st.sampled_from(RESERVED), _ANY, max_size=2),
)
@bounded(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_no_condition_breaks_it(
    everybody: httpx.Client, column: str, operator: str, value: str, more: Mapping[str, str]
) -> None:
    answer = everybody.get(CANDIDATES, params={f"{column}{operator}": value, **more})
    assert answer.status_code in (200, 400), answer.text
    json.loads(answer.text)
