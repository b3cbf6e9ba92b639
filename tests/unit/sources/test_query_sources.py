"""Sources given as a query over the drop folder's files: what they can do, and what they are shut off from."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from orchestration.sources.drop import unclaimed_files
from orchestration.sources.errors import SourceError
from orchestration.sources.settings import FileSource

USAGE_QUERY = """
    SELECT s.account_id, u."Usage Date" AS usage_date, sum(CAST(u.count AS BIGINT)) AS logins
    FROM feature_usage u JOIN subscriptions s USING (subscription_id) GROUP BY ALL
"""


def query_source(query: str, stream: str = "usage", **more) -> FileSource:
    return FileSource(name="features", stream=stream, query=query, **more)


def put_usage(desk) -> None:
    desk.put(
        "Feature Usage.csv", "subscription_id;Usage Date;count\nS1;2026-06-01;2\nS2;2026-06-01;3\nS1;2026-06-02;4\n"
    )
    desk.put("subscriptions.csv.gz", "subscription_id,account_id\nS1,A\nS2,A\n")


def test_a_query_may_join_and_add_up_first(desk):
    put_usage(desk)
    desk.sources = (query_source(USAGE_QUERY),)
    assert desk.rows("usage", "_source", "_row", "account_id", "usage_date", "logins") == [
        ("features", 1, "A", date(2026, 6, 1), Decimal(5)),
        ("features", 2, "A", date(2026, 6, 2), Decimal(4)),
    ]
    assert desk.extract("usage").status == "landed_before"
    assert unclaimed_files(desk.drop, desk.sources) == []


def test_the_files_of_a_query_belong_to_it(desk):
    desk.put("usage.csv", "account_id,day\nA,2026-06-01\n")
    desk.sources = (query_source("SELECT account_id, day AS usage_date FROM usage"),)
    outcomes = desk.extract_all("usage")
    assert [outcome.source for outcome in outcomes] == ["features"]


def test_a_change_of_any_file_lands_again(desk):
    put_usage(desk)
    desk.sources = (query_source(USAGE_QUERY),)
    desk.extract("usage")
    desk.put("subscriptions.csv.gz", "subscription_id,account_id\nS1,A\nS2,B\n")
    assert desk.extract("usage").rows_landed == 3


def test_cells_of_a_query_are_read_like_those_of_a_file(desk):
    desk.put("deals.csv", "who,worth,from,till\nAcme,$250K,01.02.2026,31.01.2027\n")
    desk.sources = (
        query_source(
            "SELECT who AS account, worth AS amount, \"from\" AS start_date, till AS end_date, 'x' AS product "
            "FROM deals",
            "contracts",
            date_format="%d.%m.%Y",
            value_maps={"product": {"x": "Gold"}},
        ),
    )
    assert desk.rows("contracts", "account_name", "product", "amount", "start_date") == [
        ("Acme", "Gold", Decimal(250_000), date(2026, 2, 1))
    ]


def test_a_with_may_use_a_files_name(desk):
    desk.put("usage.csv", "account_id,day\nA,2026-06-01\nB,2026-06-01\n")
    desk.sources = (
        query_source(
            "WITH kept AS (SELECT * FROM usage WHERE account_id = 'A') SELECT account_id, day AS usage_date FROM kept"
        ),
    )
    assert desk.rows("usage", "account_id") == [("A",)]


def test_absent_files_are_no_error_and_missing_ones_are_named(desk):
    desk.sources = (query_source(USAGE_QUERY),)
    assert desk.extract("usage").status == "absent"
    desk.put("subscriptions.csv", "subscription_id,account_id\nS1,A\n")
    with pytest.raises(SourceError, match=r"feature_usage\.csv"):
        desk.extract("usage")


def test_a_line_that_does_not_fit_is_an_error_not_a_loss(desk):
    put_usage(desk)
    desk.put("subscriptions.csv.gz", "subscription_id,account_id\nS1,A\nS2\n")
    desk.sources = (query_source(USAGE_QUERY),)
    with pytest.raises(SourceError, match=r"subscriptions\.csv\.gz, record 2.*S2"):
        desk.extract("usage")


def test_the_rows_come_in_the_order_of_their_columns(desk):
    put_usage(desk)
    desk.sources = (query_source(USAGE_QUERY + " ORDER BY usage_date DESC"),)
    assert desk.rows("usage", "_row", "usage_date") == [(1, date(2026, 6, 1)), (2, date(2026, 6, 2))]


USAGE_OF = "SELECT account_id, '2026-06-01' AS usage_date FROM subscriptions"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (USAGE_OF + " JOIN read_csv('/etc/passwd', all_varchar = true) ON true", "Cannot access file"),
        (USAGE_OF + ", read_text('/etc/hostname')", "Cannot access file"),
        (USAGE_OF + ", glob('/*')", "Cannot access file"),
        (USAGE_OF + ", '/etc/hostname'", "files that aren't there"),
        (USAGE_OF + " WHERE no_such_column", "no_such_column"),
        (USAGE_OF + "; DROP TABLE subscriptions", "not one SELECT"),
        ("SELECT 1) ORDER BY ALL; ATTACH '/tmp/x.db' AS x; SELECT * FROM (" + USAGE_OF, "can't run"),
        ("COPY subscriptions TO '/tmp/stolen.csv'", "not one SELECT"),
        ("SET enable_external_access = true", "not one SELECT"),
        ("CREATE TABLE x AS " + USAGE_OF, "not one SELECT"),
        ("nonsense", "can't run"),
    ],
)
def test_a_query_reaches_nothing_else(desk, query, reason):
    put_usage(desk)
    desk.sources = (query_source(query),)
    with pytest.raises(SourceError, match=reason):
        desk.extract("usage")
    assert desk.landing.extractions("usage") == []
