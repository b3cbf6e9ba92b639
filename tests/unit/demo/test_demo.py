"""The demo company says truly what is in it: recounted over its CSV files with SQL of the tests' own."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.demo import DemoSummary, write_demo
from orchestration.demo.company import WRITTEN
from orchestration.demo.faults import FAULTS
from orchestration.sources.streams import STREAMS

AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder, AS_OF)
    return folder


@pytest.fixture(scope="module")
def summary(drop: Path) -> dict:
    return json.loads((drop / "demo.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def con(drop: Path) -> duckdb.DuckDBPyConnection:
    """The files as text views, with the few words the counts need."""
    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    con.execute(f"create macro as_of() as date '{AS_OF}'")
    con.execute(
        r"""create macro folded(name) as trim(regexp_replace(
            trim(regexp_replace(lower(name), '[^\p{L}\p{N}]+', ' ', 'g')), ' (inc|ltd|llc|gmbh|corp|co)$', ''))"""
    )
    for stream in WRITTEN:
        con.execute(
            f"create view {stream} as select * from read_csv('{drop / stream}.csv', all_varchar = true, header = true)"
        )
    con.execute(
        """create view used_contracts as
        select contract_id, account_id, product, start_date::date as start_date, end_date::date as end_date, currency
        from (select distinct * from contracts)
        where try_cast(start_date as date) is not null and end_date >= start_date and account_id in (select account_id
            from accounts)
            and currency <> 'CHF' and amount <> 'to be agreed'"""
    )
    con.execute(
        """create view used_accounts as
        select * from accounts where account_name is not null
        qualify row_number() over (partition by account_id order by updated_at desc) = 1"""
    )
    return con


UNKNOWN_ID = """select count(*) from {stream} where account_id is not null and account_id not in (select account_id
    from accounts)"""
REPEATED = "select sum(n - 1) from (select count(*) as n from {stream} group by {key})"
# fault -> how many rows of it anyone would count in the files
COUNTS = {
    ("accounts", "missing_owner"): "select count(*) from accounts where owner_name is null",
    ("accounts", "missing_geo"): "select count(*) from accounts where geo is null",
    ("accounts", "missing_region"): "select count(*) from accounts where region is null",
    ("accounts", "malformed_owner_email"): "select count(*) from accounts where owner_email not like '%_@_%.__%'",
    ("accounts", "unknown_segment"): """select count(*) from accounts where segment not in ('smb', 'mid_market',
        'enterprise')""",
    ("accounts", "duplicate_id"): REPEATED.format(stream="accounts", key="account_id"),
    ("accounts", "missing_name"): "select count(*) from accounts where account_name is null",
    ("accounts", "shared_normalised_name"): """select sum(n - 1) from (
        select count(distinct account_id) as n from used_accounts group by folded(account_name))""",
    ("accounts", "customer_until_differs"): """select count(*) from used_accounts a inner join (
            select account_id, max(until) as until from (
                select account_id, end_date as until from used_contracts
                union all select account_id, contract_end_date::date from opportunities where is_won = 'true'
            ) group by account_id) c using (account_id)
        where a.customer_until::date <> c.until""",
    ("accounts", "customer_since_late"): """select count(*) from used_accounts a
        where customer_since::date > (select min(start_date) from used_contracts c
            where c.account_id = a.account_id)""",
    ("accounts", "active_without_contract"): """select count(*) from used_accounts a where lifecycle <> 'churned'
        and not exists (
        select 1 from used_contracts c where c.account_id = a.account_id and as_of() between start_date
            and end_date)""",
    ("accounts", "churned_with_contract"): """select count(*) from used_accounts a where lifecycle = 'churned'
        and exists (
        select 1 from used_contracts c where c.account_id = a.account_id and as_of() between start_date
            and end_date)""",
    ("contracts", "end_before_start"): """select count(*) from contracts
        where try_cast(end_date as date) < try_cast(start_date as date)""",
    ("contracts", "unparseable_amount"): r"""select count(*) from contracts where not regexp_full_match(amount,
        '\$?[\d,.]+K?')""",
    ("contracts", "missing_amount"): "select count(*) from contracts where amount is null",
    ("contracts", "unparseable_date"): "select count(*) from contracts where try_cast(start_date as date) is null",
    ("contracts", "unknown_account"): UNKNOWN_ID.format(stream="contracts"),
    ("contracts", "misspelt_account"): """select count(*) from contracts where account_id is null
        and folded(account_name) not in (select folded(account_name) from used_accounts)""",
    ("contracts", "duplicate_id"): REPEATED.format(stream="contracts", key="contract_id"),
    ("contracts", "currency_without_rate"): """select count(*) from contracts
        where currency <> 'USD' and currency not in (select currency from fx_rates)""",
    ("contracts", "overlapping"): """select count(*) from used_contracts a inner join used_contracts b
        on a.account_id = b.account_id and a.product = b.product and a.contract_id < b.contract_id
        and a.start_date <= b.end_date and b.start_date <= a.end_date""",
    ("opportunities", "won_without_contract_end"): """select count(*) from opportunities
        where is_won = 'true' and type in ('new', 'renewal') and contract_end_date is null""",
    ("opportunities", "won_end_unmatched"): """select count(*) from opportunities o
        where is_won = 'true' and type in ('new', 'renewal') and contract_end_date is not null
        and account_id in (select account_id from accounts) and not exists (
            select 1 from used_contracts c where c.account_id = o.account_id
            and abs(c.end_date - o.contract_end_date::date) <= 7)""",
    ("opportunities", "open_close_date_past"): """select count(*) from opportunities
        where is_closed = 'false' and close_date::date < as_of()""",
    ("opportunities", "unparseable_amount"): """select count(*) from opportunities
        where try_cast(amount as double) is null""",
    ("opportunities", "unknown_type"): """select count(*) from opportunities where type not in ('new', 'renewal',
        'expansion')""",
    ("opportunities", "missing_created_on"): "select count(*) from opportunities where created_on is null",
    ("opportunities", "unknown_account"): UNKNOWN_ID.format(stream="opportunities"),
    ("opportunities", "duplicate_id"): REPEATED.format(stream="opportunities", key="opportunity_id"),
    ("opportunities", "currency_without_rate"): "select count(*) from opportunities where currency = 'CHF'",
    ("activities", "check_without_attachment"): """select count(*) from activities
        where regexp_matches(regexp_replace(lower(subject), '[ -]+', ' ', 'g'), 'health check|healthcheck')
        and has_attachment in ('N', 'false') and coalesce(status, '') <> 'planned'""",
    ("activities", "unknown_account"): UNKNOWN_ID.format(stream="activities"),
    ("activities", "misspelt_account"): """select count(*) from activities where account_id is null
        and folded(account_name) not in (select folded(account_name) from used_accounts)""",
    ("activities", "ambiguous_account"): """select count(*) from activities where account_id is null
        and account_name not in (select account_name from used_accounts) and folded(account_name) in (
            select folded(account_name) from used_accounts group by all having count(*) > 1)""",
    ("activities", "duplicate_id"): REPEATED.format(stream="activities", key="activity_id"),
    ("activities", "unparseable_timestamp"): r"""select count(*) from activities where not regexp_matches(occurred_at,
        '^\d{4}-')""",
    ("activities", "missing_subject"): "select count(*) from activities where subject is null",
    ("activities", "missing_owner"): "select count(*) from activities where owner_name is null",
    ("activities", "after_as_of"): """select count(*) from activities
        where try_cast(left(occurred_at, 10) as date) > as_of() and status is distinct from 'planned'""",
    ("activities", "sentiment_out_of_range"): "select count(*) from activities where abs(sentiment::double) > 1",
    ("activities", "unparseable_response_hours"): """select count(*) from activities
        where response_hours is not null and try_cast(response_hours as double) is null""",
    ("activities", "unknown_type"): """select count(*) from activities
        where type not in ('call', 'email', 'meeting', 'qbr', 'task', 'other')""",
    ("activities", "unparseable_attachment"): """select count(*) from activities
        where has_attachment not in ('Y', 'N', 'true', 'false')""",
    ("contacts", "unknown_account"): UNKNOWN_ID.format(stream="contacts"),
    ("contacts", "duplicate_id"): REPEATED.format(stream="contacts", key="contact_id"),
    ("contacts", "unknown_role"): """select count(*) from contacts
        where role not in ('executive', 'technical', 'business', 'other')""",
    ("signals", "unknown_account"): UNKNOWN_ID.format(stream="signals"),
    ("signals", "unknown_type"): "select count(*) from signals where signal_type = 'bad_feeling'",
    ("signals", "unknown_severity"): "select count(*) from signals where severity not in ('minor', 'major')",
    ("tickets", "unknown_account"): UNKNOWN_ID.format(stream="tickets"),
    ("tickets", "duplicate_id"): REPEATED.format(stream="tickets", key="ticket_id"),
    ("tickets", "unparseable_created_at"): """select count(*) from tickets
        where try_cast(created_at as timestamp) is null""",
    ("tickets", "after_as_of"): "select count(*) from tickets where try_cast(created_at as timestamp)::date > as_of()",
    ("tickets", "csat_out_of_range"): "select count(*) from tickets where csat::double not between 1 and 5",
    ("tickets", "solved_before_created"): """select count(*) from tickets where solved_at < created_at
        and created_at like '2%'""",
    ("tickets", "sentiment_out_of_range"): "select count(*) from tickets where abs(sentiment::double) > 1",
    ("tickets", "unknown_priority"): """select count(*) from tickets
        where priority not in ('low', 'normal', 'high', 'urgent')""",
    ("usage", "unknown_account"): UNKNOWN_ID.format(stream="usage"),
    ("usage", "duplicate_id"): """select sum(n - 1) from (
        select count(*) as n from usage where usage_date like '2%' group by account_id, usage_date)""",
    ("usage", "unparseable_date"): "select count(*) from usage where try_cast(usage_date as date) is null",
    ("usage", "capacity_out_of_range"): """select count(*) from usage where capacity_used_pct::double not between 0
        and 1000""",
    ("usage", "uptime_out_of_range"): "select count(*) from usage where uptime_pct::double not between 0 and 100",
    ("usage", "unparseable_active_users"): "select count(*) from usage where try_cast(active_users as double) is null",
    ("usage", "spike"): """select count(*) from (
        select active_users, avg(active_users) over (partition by account_id) as mean from (
            select distinct account_id, usage_date, try_cast(active_users as double) as active_users from usage
            where try_cast(usage_date as date) > as_of() - 28)
        ) where active_users > 3 * mean""",
    ("usage", "gap"): """select count(distinct account_id) from (
        select account_id, day, lead(day, 1, as_of() + 1) over (partition by account_id
            order by day) - day - 1 as missing
        from (select distinct account_id, try_cast(usage_date as date) as day from usage)
        where day > as_of() - 28 and account_id in (select account_id from used_accounts where churned_on is null))
        where missing > 3""",
    ("survey_responses", "unknown_account"): """select count(*) from survey_responses
        where account_name not in (select account_name from used_accounts)""",
    ("survey_responses", "duplicate_id"): REPEATED.format(stream="survey_responses", key="survey_id"),
    ("survey_responses", "score_out_of_range"): """select count(*) from survey_responses
        where score::double not between 0 and 10""",
    ("invoices", "unknown_account"): UNKNOWN_ID.format(stream="invoices"),
    ("invoices", "duplicate_id"): REPEATED.format(stream="invoices", key="invoice_id"),
    ("invoices", "currency_without_rate"): "select count(*) from invoices where currency = 'CHF'",
    ("invoices", "unparseable_amount"): "select count(*) from invoices where try_cast(amount as double) is null",
    ("invoices", "unknown_status"): """select count(*) from invoices
        where status not in ('open', 'paid', 'failed', 'disputed')""",
    ("interventions", "unknown_account"): UNKNOWN_ID.format(stream="interventions"),
    ("interventions", "unknown_outcome"): """select count(*) from interventions
        where outcome not in ('recovered', 'lost', 'open')""",
    ("fx_rates", "unparseable_rate"): """select count(*) from fx_rates
        where try_cast(rate_to_reporting as double) is null""",
}


@pytest.mark.parametrize(("stream", "fault"), COUNTS, ids=lambda part: part)
def test_each_fault_stands_in_the_files_as_often_as_the_summary_says(
    con: duckdb.DuckDBPyConnection, summary: dict, stream: str, fault: str
) -> None:
    said = next(p["rows"] for p in summary["planted"] if (p["stream"], p["fault"]) == (stream, fault))
    assert said > 0
    assert con.execute(COUNTS[stream, fault]).fetchall()[0][0] == said


def test_every_fault_of_the_catalogue_is_counted_here(summary: dict) -> None:
    assert {(f.stream, f.name) for f in FAULTS} | {("usage", "gap")} == set(COUNTS)
    assert {(p["stream"], p["fault"]) for p in summary["planted"]} == set(COUNTS)


def test_every_stream_is_written_with_its_own_columns_only(con: duckdb.DuckDBPyConnection, summary: dict) -> None:
    assert len(WRITTEN) == 13
    for name in WRITTEN:
        stream = STREAMS[name]
        columns = set(con.table(name).columns)
        assert columns <= {c.name for c in stream.columns}
        assert {c.name for c in stream.columns if c.required} <= columns
        assert summary["rows"][name] == len(con.table(name)) > 0


def test_unusable_rows_stay_below_five_percent_of_each_stream(summary: dict) -> None:
    for stream, rows in summary["rows"].items():
        unusable = sum(
            p["rows"]
            for p in summary["planted"]
            if p["stream"] == stream and p["effect"] in ("set_aside", "blank_value")
        )
        assert unusable / rows < 0.05, stream


def test_same_arguments_same_bytes(drop: Path, tmp_path: Path) -> None:
    write_demo(tmp_path, AS_OF)
    for file in sorted(drop.iterdir()):
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name


def test_another_seed_is_another_company_of_the_same_faults(tmp_path: Path) -> None:
    one = write_demo(tmp_path / "one", AS_OF, accounts=120, seed=1)
    two = write_demo(tmp_path / "two", AS_OF, accounts=120, seed=2)
    assert isinstance(one, DemoSummary)
    assert [(p.stream, p.fault, p.rows) for p in one.planted] == [(p.stream, p.fault, p.rows) for p in two.planted]
    assert (tmp_path / "one" / "usage.csv").read_bytes() != (tmp_path / "two" / "usage.csv").read_bytes()


def test_too_few_accounts_for_the_faults_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 100 accounts, not 20"):
        write_demo(tmp_path, AS_OF, accounts=20)


def test_names_are_varied_and_none_is_used_twice(con: duckdb.DuckDBPyConnection) -> None:
    names = [row[0] for row in con.execute("select account_name from used_accounts").fetchall()]
    assert len(names) == len(set(names))
    assert sum(not name.isascii() for name in names) > 50
    assert any("," in name for name in names)


def test_the_mix_is_the_one_a_portfolio_has(con: duckdb.DuckDBPyConnection) -> None:
    def share(column: str) -> dict[str, float]:
        return dict(
            con.execute(f"""select {column}, count(*) / sum(count(*)) over ()
            from used_accounts group by 1""").fetchall()
        )

    segments = share("segment")
    assert segments["smb"] == pytest.approx(0.6, abs=0.06)
    assert segments["mid_market"] == pytest.approx(0.3, abs=0.06)
    assert segments["enterprise"] == pytest.approx(0.1, abs=0.05)
    assert all(share("lifecycle")[stage] > 0.02 for stage in ("onboarding", "active", "renewal", "churned"))
    assert all(share("geo")[geo] > 0.1 for geo in ("AMER", "EMEA", "APAC"))
    assert {row[0] for row in con.execute("select distinct currency from used_contracts").fetchall()} == {
        "USD",
        "EUR",
        "GBP",
        "JPY",
    }


# name: segment, lifecycle, renewal in, usage change %, adoption %, open tickets (urgent), csat, blocker
EXAMPLES = {
    "Northwind Logistics": ("mid_market", "active", 90, -20.0, 60.0, 2, 0, "3.8", None),
    "GreenSprout Onboarding": ("smb", "onboarding", 300, 0.0, 30.0, 1, 0, "4.2", "minor"),
    "HarborView Manufacturing": ("mid_market", "renewal", 45, -20.0, 60.0, 5, 1, "3.1", "major"),
    "SilverPeak Enterprise": ("enterprise", "active", 200, 10.0, 90.0, 0, 0, "4.7", None),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_four_examples_have_the_facts_of_their_table(con: duckdb.DuckDBPyConnection, name: str) -> None:
    facts = con.execute(
        """
        with account as (select * from used_accounts where account_name = ?),
        contract as (
            select max(end_date) - as_of() as renewal_in
            from used_contracts semi join account using (account_id)
            where end_date >= as_of()
        ),
        used as (select *, usage_date::date as day from usage semi join account using (account_id)),
        trend as (
            select
                avg(active_users::decimal(18, 6)) filter (day > as_of() - 28) as now,
                avg(active_users::decimal(18, 6)) filter (day between as_of() - 55 and as_of() - 28) as before,
                max_by(services_used::double * 100 / services_contracted::double, day) as adoption,
                count(*) filter (day > as_of() - 56) as days
            from used
        ),
        ticket as (
            select
                count(*) filter (solved_at is null) as open,
                count(*) filter (solved_at is null and priority = 'urgent') as urgent,
                (sum(csat::int) filter (created_at::date > as_of() - 90))
                    / (count(csat) filter (created_at::date > as_of() - 90)) as csat
            from tickets semi join account using (account_id)
        ),
        blocker as (
            select max(severity) as severity from signals semi join account using (account_id)
            where signal_type = 'blocker' and resolved_on is null
        )
        select segment, lifecycle, renewal_in, round((now / before - 1) * 100, 6), adoption, open, urgent,
            csat::varchar, severity, days
        from account, contract, trend, ticket, blocker
        """,
        [name],
    ).fetchall()[0]
    assert facts[:-1] == EXAMPLES[name]
    assert facts[-1] == 56


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_four_examples_have_all_measures(con: duckdb.DuckDBPyConnection, name: str) -> None:
    present = con.execute(
        """
        with account as (select * from used_accounts where account_name = $name),
        act as (
            select *, left(occurred_at, 10)::date as day from activities
            where account_id = (select account_id from account) or account_name = $name
        ),
        recent as (select * from act where day between as_of() - 89 and as_of()),
        ticket as (
            select * from tickets semi join account using (account_id)
                where try_cast(created_at as date) between as_of() - 89 and as_of()
        ),
        used as (
            select * from usage semi join account using (account_id)
                where try_cast(usage_date as date) between as_of() - 27 and as_of()
        )
        select
            (select count(solved_at) from ticket) as resolution_hours,
            (select count(sla_met) from ticket) as sla_adherence,
            (select count(csat) from ticket) as csat,
            (select count(*) from act where type = 'qbr' and status in ('completed', 'declined', 'no_show')
                and day between as_of() - 364 and as_of()) as qbr_attendance,
            (select count(response_hours) from recent where type = 'email') as email_response_hours,
            (select count(accepted) from recent where type = 'meeting') as meeting_acceptance,
            (select count(sentiment) from recent) as tone,
            (select count(logins) from used) as portal_logins,
            (select count(capacity_used_pct) from used) as capacity_utilisation,
            (select count(uptime_pct) from used) as uptime,
            (select count(sla_target_pct) from account) as sla_target,
            (select count(customer_since) from account) as tenure_years,
            (select count(*) from survey_responses where account_name = $name and score is not null
                and responded_on::date between as_of() - 364 and as_of()) as nps
        """,
        {"name": name},
    )
    columns = [column[0] for column in present.description]
    missing = [c for c, n in zip(columns, present.fetchall()[0], strict=True) if n == 0]
    assert missing == []
