"""Accounts: the list that finds any of them, and the brief of one, for those who may see it."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote, unquote

import duckdb
import pytest

from orchestration.settings import Settings
from tests.support.portal import GEO, HOSTILE, OTHER_SELLER, SELLER, Person, home, published, served, signed_in

OWN = "$name in (owner_name, csm_name, ae_name)"
# What may be lost first; who has churned last.
ORDER = (
    "select * from account_signals order by is_churned, churn_probability * arr desc nulls last,"
    " arr desc nulls last, account_id"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    made = home(tmp_path_factory.mktemp("accounts"))
    _under_other_policies_first(made)
    return made


@pytest.fixture(scope="module")
def base(settings: Settings) -> Iterator[str]:
    with served(settings) as address:
        yield address


@pytest.fixture(scope="module")
def executive(base: str) -> Person:
    return signed_in(base, "Eve Executive", ["executive"])


@pytest.fixture(scope="module")
def seller(base: str) -> Person:
    return signed_in(base)


@pytest.fixture(scope="module")
def red(settings: Settings) -> dict:
    """The worst account that has a plan, an alert and an expansion or not."""
    (row,) = published(
        settings,
        "select h.* from account_health h where status = 'RED' and account_id in (select account_id from alerts)"
        " and account_id in (select account_id from retention_plans) order by score, account_id limit 1",
    )
    return row


# The list


def test_the_list_has_every_account_what_may_be_lost_first(executive: Person, settings: Settings) -> None:
    wanted = [row["account_id"] for row in published(settings, ORDER)]
    found = [*rows(executive.get("/accounts").text), *rows(executive.get("/accounts?page=2").text)]
    assert found == wanted[:100]
    assert len(wanted) > 100


def test_the_list_is_cut(base: str, seller: Person, settings: Settings) -> None:
    own = published(settings, f"select account_id from account_signals where {OWN}", name=SELLER)
    assert set(rows(seller.get("/accounts").text)) == {row["account_id"] for row in own}
    manager = signed_in(base, "Mona Manager", ["manager"], geos=[GEO])
    (count,) = published(settings, "select count(*) as n from account_signals where geo = $geo", geo=GEO)
    assert f'aria-live="polite">{count["n"]} accounts' in manager.get("/accounts").text


def test_the_list_finds_narrows_and_sorts(executive: Person, settings: Settings) -> None:
    assert rows(executive.get("/accounts?q=hedgehog").text) == ["H-07"]
    assert rows(executive.get("/accounts?q=H-02").text) == ["H-02"]
    query = "select * from account_signals where final_status = 'RED' and geo = $geo order by score desc, account_id"
    wanted = [row["account_id"] for row in published(settings, query, geo=GEO)]
    assert wanted
    assert rows(executive.get(f"/accounts?status=RED&geo={GEO}&sort=-score").text) == wanted[:50]
    churned = published(settings, "select account_id from account_signals where is_churned")
    assert set(rows(executive.get("/accounts?churned=yes").text)) == {row["account_id"] for row in churned}


# Who sees which account


def test_another_ones_account_answers_as_one_that_is_not_there(seller: Person, settings: Settings) -> None:
    query = f"select account_id from account_signals where not coalesce({OWN}, false) order by 1"
    theirs = published(settings, query, name=SELLER)
    assert theirs
    nothing = seller.get("/accounts/nothing-of-that-name")
    assert nothing.status_code == 404
    for row in theirs[:10]:
        answer = seller.get(f"/accounts/{quote(row['account_id'], safe='')}")
        assert answer.status_code == 404
        assert same(answer.text) == same(nothing.text)


def test_whoever_sees_no_account_sees_none(base: str) -> None:
    approver = signed_in(base, "Abe Approver", ["approver_low"])
    assert approver.get("/accounts/H-01").status_code == 404
    assert "No account is yours to see." in approver.get("/accounts").text


def test_a_brief_speaks_of_its_account_alone(seller: Person, settings: Settings) -> None:
    names = {row["account_id"]: row["account_name"] for row in published(settings, "select * from account_signals")}
    text = unescape(seller.get("/accounts/H-07").text)
    for account_id, name in names.items():
        if account_id != "H-07":
            assert name is None or name not in text
            assert f"/accounts/{quote(account_id)}" not in text


# What the brief says


def test_the_head_says_score_status_money_and_people(executive: Person, red: dict) -> None:
    text = brief(executive, red["account_id"])
    for said in (red["summary"], red["confidence"], red["tier"].replace("_", " "), red["owner_name"], red["csm_name"]):
        assert said in text, said
    assert re.search(rf'class="figure">{float(red["score"]):g}</strong> of 100', text)
    assert f'<data value="{red["arr"]}"' in text


def test_a_step_of_after_the_renewal_is_marked(executive: Person, settings: Settings) -> None:
    late = published(
        settings,
        "select account_id, count(*) as steps from retention_plans where is_after_renewal group by all"
        " order by steps desc, account_id limit 1",
    )
    assert late
    html = executive.get(f"/accounts/{late[0]['account_id']}").text
    assert html.count('<span class="badge red">after the renewal</span>') == late[0]["steps"]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("account_health_measures", "label"),
        ("account_themes", "evidence"),
        ("retention_plans", "action"),
        ("retention_offers", "offer"),
        ("retention_success_metrics", "title"),
        ("expansion_pipeline", "description"),
        ("health_check_targets", "contract_id"),
        ("health_check_influence", "opportunity_name"),
        ("recommended_actions", "rationale"),
        ("alerts", "evidence"),
    ],
)
def test_everything_published_of_an_account_is_there(
    executive: Person, settings: Settings, table: str, column: str
) -> None:
    query = f"select account_id, {column} as said from {table} where account_id not like 'H%'"
    told = [row for row in published(settings, query) if row["said"]]
    assert told
    account_id = told[0]["account_id"]
    text = brief(executive, account_id)
    for row in told:
        if row["account_id"] == account_id:
            assert row["said"] in text


def test_a_measure_says_what_it_earns_or_why_it_is_missing(executive: Person, settings: Settings) -> None:
    query = "select * from account_health_measures where not is_present and account_id not like 'H%' limit 1"
    (missing,) = published(settings, query)
    text = brief(executive, missing["account_id"])
    line = text[text.index(f">{missing['label']}</th>") :]
    line = line[: line.index("</tr>")]
    assert "missing</span>" in line
    assert missing["missing_reason"] in line


def test_churn_adds_up_before_the_eyes(executive: Person, settings: Settings, red: dict) -> None:
    (churn,) = published(settings, "select * from account_churn where account_id = $id", id=red["account_id"])
    text = brief(executive, red["account_id"])
    assert churn["probability_reason"] in text
    for column, evidence in churn.items():
        assert not column.endswith("_evidence") or evidence in text, column


def test_the_score_over_time_is_a_chart_with_a_mark_where_policy_changed(executive: Person, red: dict) -> None:
    text = brief(executive, red["account_id"])
    chart = text[text.index("Score over time") : text.index("Points by dimension")]
    assert 'class="line"' in chart
    assert "23 June 2026</time>: policy" in chart
    assert re.findall(r"<th scope=\"row\"><time[^>]*>([^<]+)", chart) == ["31 May 2026", "23 June 2026", "30 June 2026"]
    assert chart.count('class="mark"') == 1


def test_documents_actions_and_alerts_are_a_click_away(executive: Person, settings: Settings, red: dict) -> None:
    account_id = red["account_id"]
    text = brief(executive, account_id)
    for path in ("documents/brief.pdf", "documents/qbr.pptx"):
        assert f'href="/accounts/{account_id}/{path}"' in text
    for path in ("/actions", "/alerts", "/simulator"):
        assert f'href="{path}?account={account_id}"' in text
    query = "select target_id from health_check_candidates where account_id = $id"
    for row in published(settings, query, id=account_id):
        assert f"health-check.pptx?target={quote(row['target_id'])}" in text


def test_an_account_without_a_score_says_why(executive: Person, settings: Settings) -> None:
    (row,) = published(settings, "select * from account_signals where is_churned order by account_id limit 1")
    text = brief(executive, row["account_id"])
    assert "This account has churned, so it has no score." in text
    assert 'id="score"' not in text
    assert 'id="checks"' in text


def test_a_huge_name_is_cut_and_an_odd_id_is_found(seller: Person) -> None:
    text = seller.get("/accounts/H-08").text
    assert "Long Long" in text
    assert text.count("Long ") < 500
    answer = seller.get("/accounts/H%2010%3F%26%23%25")
    assert answer.status_code == 200
    assert "<bdi>Odd id</bdi>" in answer.text
    assert 'href="/accounts/H%2010%3F%26%23%25/documents/brief.pdf"' in answer.text


def test_marks_of_direction_and_pictures_stay_inside_the_name(seller: Person) -> None:
    assert f"<bdi>{HOSTILE['H-06'].strip()}</bdi>" in seller.get("/accounts/H-06").text
    assert "🏳️\u200d🌈 Hedgehog &amp; Sons</bdi>" in seller.get("/accounts/H-07").text


def test_another_seller_sees_their_own(base: str, settings: Settings) -> None:
    other = signed_in(base, OTHER_SELLER, ["seller"])
    own = published(settings, f"select account_id from account_signals where {OWN} limit 1", name=OTHER_SELLER)
    assert other.get(f"/accounts/{own[0]['account_id']}").status_code == 200
    assert other.get("/accounts/H-01").status_code == 404


def brief(person: Person, account_id: str) -> str:
    """The brief as it is read."""
    answer = person.get(f"/accounts/{quote(account_id, safe='')}")
    assert answer.status_code == 200
    return unescape(answer.text)


def rows(text: str) -> list[str]:
    """The accounts of the list, in its order."""
    return [unquote(one) for one in re.findall(r'<th scope="row"[^>]*><a href="/accounts/([^"]+)"', text)]


def same(text: str) -> str:
    """A page without what is the visit's own: its path."""
    return re.sub(r'value="/accounts/[^"]*"', "", text)


def _under_other_policies_first(settings: Settings) -> None:
    """The oldest scores of the history were made under other policies."""
    current = (settings.published_path / "CURRENT").read_text(encoding="utf-8").strip()
    for file in (settings.published_path / current / "account_health_history").glob("*.parquet"):
        made: Path = file.with_name(f"{file.name}.new")
        with duckdb.connect() as con:
            con.execute(
                "copy (select * replace (case when as_of_date < date '2026-06-01' then 'before' else policy_version end"
                f" as policy_version) from read_parquet('{file}')) to '{made}' (format parquet)"
            )
        made.replace(file)
