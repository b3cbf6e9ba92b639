"""Organizations of a support desk: the account each belongs to, by what, and from when to when."""

from __future__ import annotations

import csv
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from orchestration.refresh.inputs import SUPPORT_ORGANIZATIONS_SCHEMA
from orchestration.systems.http import ApiError

LIST = "GET /api/v2/organizations*"
LONG, SHORT = "0015g000000000DAAQ", "0015g000000000D"


@pytest.fixture(autouse=True)
def organizations_asked_for(desk: Any) -> None:
    """The columns that need them, and no organization but the test's own."""
    desk.columns |= {"account_id": "account_id", "account_name": "organization_name"}
    desk.company.tables["organization"].clear()


def organization(desk: Any, name: str, **fields: Any) -> str:
    return str(desk.company.add("organization", name=name, **({"external_id": None, "domain_names": []} | fields)))


def accounts(desk: Any, *rows: tuple[str, str], column: str = "Website") -> None:
    """What a pull of accounts left, and that their domains come from there."""
    desk.facts["domains_from"] = {"source": "crm_accounts", "column": "Website"}
    folder = desk.home / "crm_accounts"
    folder.mkdir(exist_ok=True)
    with (folder / "accounts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["account_id", "account_name", column])
        writer.writerows((key, f"Account, {key}", website) for key, website in rows)


def table(desk: Any, *columns: str, now: bool = True) -> list[Any]:
    """Rows of what is frozen for the models; those that hold now, or all."""
    query = f"SELECT {', '.join(columns)} FROM read_parquet(?) WHERE known_until IS NULL OR ? ORDER BY ALL"
    with duckdb.connect() as con:
        return con.execute(query, [str(desk.folder / "organizations.parquet"), not now]).fetchall()


def matched(desk: Any) -> dict[str, tuple[str | None, str]]:
    return {name: (account, by) for name, account, by in table(desk, "organization_name", "account_id", "matched_by")}


def test_external_ids_name_accounts(desk: Any) -> None:
    organization(desk, "long", external_id=LONG)
    organization(desk, "short", external_id=f" {SHORT} ")
    # No id of an account of Salesforce: left as it is, however long.
    organization(desk, "other", external_id="ABCDEFGHIJKLMNO")
    organization(desk, "blank", external_id=" ")
    organization(desk, "none")
    desk.pull()
    assert matched(desk) == {
        "long": (LONG, "external_id"),
        "short": (LONG, "external_id"),
        "other": ("ABCDEFGHIJKLMNO", "external_id"),
        "blank": (None, "name"),
        "none": (None, "name"),
    }


def test_tickets_have_the_account_of_their_organization(desk: Any) -> None:
    known = organization(desk, "Known, Inc", external_id=SHORT)
    named = organization(desk, "Named")
    first = desk.ticket(organization_id=int(known))
    second = desk.ticket(organization_id=int(named))
    third = desk.ticket(organization_id=987)
    fourth = desk.ticket(organization_id=None)
    desk.pull()
    rows = desk.rows()
    assert [(rows[key]["account_id"], rows[key]["account_name"]) for key in (first, second, third, fourth)] == [
        (LONG, "Known, Inc"),
        ("", "Named"),
        ("", ""),
        ("", ""),
    ]
    # Another account without any change of the ticket.
    desk.company.change("organization", int(named), external_id="b")
    assert desk.pull().rows == 0
    assert desk.rows()[second]["account_id"] == "b"


@pytest.mark.parametrize(
    "website",
    [
        "acme.example",
        "www.acme.example",
        "https://www.Acme.Example/",
        "http://acme.example:8080/about?x=1#y",
        "HTTPS://user@acme.example",
        " https://acme.example. ",
        "//acme.example/",
        "acme.example/path",
    ],
)
def test_a_web_address_names_a_domain(desk: Any, website: str) -> None:
    accounts(desk, ("a", website), ("b", "other.example"))
    organization(desk, "Acme", domain_names=["ACME.example"])
    desk.pull()
    assert matched(desk) == {"Acme": ("a", "domain")}


def test_a_domain_that_is_not_one_accounts_own_decides_nothing(desk: Any) -> None:
    accounts(
        desk,
        ("a", "acme.example"),
        ("b", "shared.example"),
        ("c", "https://shared.example"),
        ("d", "d.example"),
        ("e", "gmail.com"),
        ("f", ""),
        ("g", "n/a"),
        ("", "nobody.example"),
    )
    organization(desk, "external id first", external_id="x", domain_names=["acme.example"])
    organization(desk, "own beside shared", domain_names=["shared.example", "acme.example", "gmail.com"])
    organization(desk, "shared", domain_names=["shared.example"])
    organization(desk, "two", domain_names=["acme.example", "d.example"])
    organization(desk, "public", domain_names=["gmail.com"])
    organization(desk, "below", domain_names=["shop.acme.example"])
    organization(desk, "blank", domain_names=["", "n", "nobody.example"])
    organization(desk, "", domain_names=[])
    desk.pull()
    assert matched(desk) == {
        "external id first": ("x", "external_id"),
        "own beside shared": ("a", "domain"),
        "shared": (None, "name"),
        "two": (None, "name"),
        "public": (None, "name"),
        "below": (None, "name"),
        "blank": (None, "name"),
        None: (None, "none"),
    }


def test_domains_that_are_not_known_are_told_and_names_are_left(desk: Any) -> None:
    organization(desk, "Acme", domain_names=["acme.example"])
    desk.facts["domains_from"] = {"source": "crm_accounts", "column": "Website"}
    assert desk.pull().notes == ("accounts' domains aren't known yet: pull crm_accounts first, then this again",)
    accounts(desk, ("a", "acme.example"), column="Homepage")
    assert desk.pull().notes == ("accounts' domains aren't known: what crm_accounts pulled has no Website",)
    assert matched(desk) == {"Acme": (None, "name")}
    accounts(desk, ("a", "acme.example"))
    assert desk.pull().notes == ()
    assert matched(desk) == {"Acme": ("a", "domain")}


def test_what_was_known_before_stays_told_with_its_time(desk: Any) -> None:
    first, second = organization(desk, "First", external_id="a"), organization(desk, "Second", external_id="b")
    desk.pull()
    one = desk.now.replace(tzinfo=None)
    desk.company.change("organization", int(first), name="First and best", external_id="c")
    desk.company.purge("organization", int(second))
    third = organization(desk, "Third")
    desk.pull()
    two = desk.now.replace(tzinfo=None)
    desk.pull()
    desk.company.change("organization", int(first), notes="nothing that a column shows")
    desk.pull()
    assert table(desk, "organization_id", "account_id", "known_from", "known_until", now=False) == [
        (first, "a", one, two),
        (first, "c", two, None),
        (second, "b", one, two),
        (third, None, two, None),
    ]
    assert table(desk, "DISTINCT source", now=False) == [("desk",)]
    # One that comes back holds again from then on.
    desk.company.tables["organization"][int(second)] = {"id": int(second), "name": "Second", "external_id": "b"}
    desk.pull()
    back = [row for row in table(desk, "organization_id", "known_from", "known_until", now=False) if row[0] == second]
    assert back == [(second, one, two), (second, desk.now.replace(tzinfo=None), None)]


def test_what_is_left_is_what_the_models_read(desk: Any) -> None:
    import pyarrow.parquet as pq

    organization(desk, "Acme", domain_names=["a.example", "b.example"])
    desk.pull()
    schema = pq.read_schema(desk.folder / "organizations.parquet").remove_metadata()
    assert schema.equals(SUPPORT_ORGANIZATIONS_SCHEMA)
    created = desk.company.rows("organization")[0]["created_at"].replace(tzinfo=None)
    assert table(desk, "domains", "created_at") == [("a.example;b.example", created)]


def test_every_page_is_read_and_a_resumed_list_goes_on(desk: Any) -> None:
    desk.zendesk.page_rows = 3
    names = {organization(desk, f"Number {n}") for n in range(10)}
    desk.faults.add("status", LIST, after=2, status=403, body={"error": "Forbidden"})
    with pytest.raises(ApiError, match="it forbids this"):
        desk.pull()
    # One that is entered, and one that is gone, between the pages.
    names.add(organization(desk, "Another"))
    desk.pull()
    assert len(desk.simulator.called(LIST)) == 2
    assert {key for (key,) in table(desk, "organization_id")} == names


@pytest.mark.parametrize("cursor", ["x", None])
def test_a_cursor_that_comes_again_is_an_error(desk: Any, cursor: str | None) -> None:
    body = {"organizations": [{"id": 1}], "meta": {"has_more": True, "after_cursor": cursor}}
    desk.faults.add("status", LIST, times=None, status=200, body=body)
    with pytest.raises(ApiError, match="names a page that was read already as the next one"):
        desk.pull()
    assert len(desk.simulator.called(LIST)) <= 2


def test_a_list_that_is_suddenly_empty_is_an_error(desk: Any) -> None:
    key = organization(desk, "Acme", external_id="a")
    desk.pull()
    former = desk.company.tables["organization"].pop(int(key))
    with pytest.raises(ApiError, match="it lists no organization any more; 1 were known") as told:
        desk.pull()
    assert "the user of the token may see all organizations" in told.value.action
    assert matched(desk) == {"Acme": ("a", "external_id")}
    desk.company.tables["organization"][int(key)] = former
    desk.now += timedelta(hours=1)
    desk.pull()
    assert matched(desk) == {"Acme": ("a", "external_id")}


def test_without_the_columns_no_organization_is_asked_for(desk: Any) -> None:
    del desk.columns["account_id"], desk.columns["account_name"]
    desk.pull()
    assert desk.simulator.called(LIST) == []
    assert not (desk.folder / "organizations.parquet").exists()
