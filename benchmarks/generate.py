"""Writes a drop folder of a given number of accounts: CSV files, so that a measured refresh includes extraction.

Set-based SQL over `range()` with hash-based draws, streamed to disk: a million accounts need neither much memory nor
much time. A small share is dirty (unknown accounts, ends before starts, blank amounts, repeated ids), a fifth of the
activities name their account by name, so that what costs time in a real refresh costs it here too.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.relations import RELATIONS
from benchmarks.sizes import AS_OF, SEED, accounts_of

MACROS = """
create macro as_of() as getvariable('as_of')::date;
create macro draw(a, b, salt, n) as (hash(a, b, salt, getvariable('seed')) % (n)::ubigint)::int;
create macro account_id(n) as format('A{:07d}', n);
create macro account_name(n) as format('Company {:07d} Inc', n);
-- How well an account does, 0 to 9: what a score reads leans on it, so that scores spread from low to high.
create macro mood(n) as draw(n, 0, 90, 10);
-- One in forty has been left alone: no activities and no usage for more than a year.
create macro asleep_days(n) as case when draw(n, 0, 91, 40) = 0 then 400 else 0 end;
-- Opportunities and tickets gather at some accounts: one with three more expansions, one with 24 tickets.
create macro seller(n) as case when n % 12 between 1 and 3 then greatest(1, n - n % 12) else n end;
create macro tickets_of(n) as case when n % 5 = 0 then 24 else 4 end;
"""

STREAMS = {
    "accounts": """
        select
            account_id(n) as account_id,
            account_name(n) as account_name,
            case when draw(n, 0, 1, 200) > 0 then 'Owner ' || draw(n, 0, 2, getvariable('owners')) end as owner_name,
            ['AMER', 'EMEA', 'APAC'][1 + draw(n, 0, 3, 3)] as geo,
            'Region ' || (draw(n, 0, 3, 3) * 3 + draw(n, 0, 4, 3)) as region,
            ['smb', 'smb', 'smb', 'mid_market', 'enterprise'][1 + draw(n, 0, 5, 5)] as segment,
            case when is_churned(n) then 'churned' else 'active' end as lifecycle,
            as_of() - 1600 - draw(n, 0, 7, 1000) as customer_since,
            greatest(contract_end(n, 0), contract_end(n, 1)) as customer_until,
            case when is_churned(n) and draw(n, 0, 8, 2) = 0 then as_of() - draw(n, 0, 9, 30) end as churned_on,
            [99.9, 99.5, 99.0][1 + draw(n, 0, 11, 3)] as sla_target_pct,
            'CSM ' || draw(n, 0, 12, getvariable('owners')) as csm_name,
            'AE ' || draw(n, 0, 13, getvariable('owners')) as ae_name,
            draw(n, 0, 14, 3) = 0 as reference_customer,
            draw(n, 0, 15, 2) = 0 as self_managed,
            case when draw(n, 0, 16, 10) > 0 then 1000 * (5 + draw(n, 0, 17, 80)) end as capacity_upgrade_arr,
            draw(n, 0, 18, 6) = 0 as new_site_planned,
            1 + draw(n, 0, 19, 3) as new_site_count,
            case when draw(n, 0, 18, 60) > 0 then 2500 * (1 + draw(n, 0, 19, 30)) end as new_site_arr,
            'Next spring' as new_site_timeline,
            12000 as managed_services_arr,
            strftime(as_of()::timestamp - to_hours(1 + draw(n, 0, 10, 2000)), '%Y-%m-%dT%H:%M:%SZ') as updated_at
        from range(1, getvariable('accounts') + 1) r(n)
    """,
    "contracts": """
        select
            format('C{:07d}-{}', n, k) as contract_id,
            case when draw(n, k, 20, 500) = 0 then 'unknown' else account_id(n) end as account_id,
            case when chain(n) = 0 or k = 0 then 'Platform' else 'Analytics' end as product,
            case when draw(n, k, 21, 500) = 0 then end_date + 5 else start_date end as start_date,
            end_date,
            case when draw(n, k, 22, 500) > 0 then 1000 * (5 + draw(n, k, 23, 400)) end as amount,
            ['USD', 'USD', 'EUR', 'GBP'][1 + draw(n, 0, 24, 4)] as currency
        from (select *, contract_start(n, k) as start_date, contract_end(n, k) as end_date
            from range(1, getvariable('accounts') + 1) r(n), range(2) s(k))
    """,
    "opportunities": """
        select
            format('O{:07d}', n) as opportunity_id,
            account_id(seller(n)) as account_id,
            format('Deal {:07d}', n) as name,
            case when seller(n) < n then 'expansion' else ['new', 'renewal', 'expansion'][1 + draw(n, 0, 30, 3)] end
                as type,
            1000 * (1 + draw(n, 0, 31, 90)) as amount,
            ['USD', 'USD', 'EUR', 'GBP'][1 + draw(n, 0, 24, 4)] as currency,
            as_of() + 5 - draw(n, 0, 32, 500) as created_on,
            case when draw(n, 0, 34, 5) > 0 then as_of() - draw(n, 0, 33, 300) else as_of() + draw(n, 0, 33, 90) end
                as close_date,
            draw(n, 0, 34, 5) > 0 as is_closed,
            draw(n, 0, 34, 5) > 1 as is_won,
            case when draw(n, 0, 34, 5) > 1 and draw(n, 0, 30, 3) < 2 then contract_end(n, 0) end as contract_end_date,
            case when draw(n, 0, 35, 8) = 0 then 'Rival' end as competitor
        from range(1, getvariable('accounts') + 1) r(n)
    """,
    "activities": """
        with drawn as (
            select
                n,
                k,
                k < 2 as is_check,
                case
                    when k >= 2 then as_of() - asleep_days(n) - draw(n, k, 40, 200)
                    when draw(n, k, 41, 2) = 0 then contract_start(n, k) + 90 - 70 + draw(n, k, 42, 170)
                    else contract_end(n, k) - 120 - 70 + draw(n, k, 42, 170)
                end as day,
                draw(n, k, 43, 5) = 0 as is_by_name
            from range(1, getvariable('accounts') + 1) r(n), range(20) s(k)
        ),
        twice as (
            select * from drawn
            union all
            select * from drawn where draw(n, k, 44, 2000) = 0
        )
        select
            format('V{:07d}-{:02d}', n, k) as activity_id,
            case when draw(n, k, 45, 500) = 0 then 'unknown' when not is_by_name then account_id(n) end as account_id,
            case when is_by_name then account_name(n) end as account_name,
            case when is_check and draw(n, k, 46, 10) < 6 then format('O{:07d}', n) end as opportunity_id,
            'Person ' || draw(n, k, 47, getvariable('owners')) as owner_name,
            case
                when is_check then 'other'
                else ['call', 'email', 'email', 'meeting', 'qbr', 'task'][1 + draw(n, k, 48, 6)]
            end as type,
            case
                when is_check then ['Health Check', 'Quarterly health-check', 'HEALTHCHECK'][1 + draw(n, k, 49, 3)]
                else 'Follow-up ' || draw(n, k, 50, 40)
            end as subject,
            strftime(day::timestamp + to_minutes(480 + draw(n, k, 51, 600)), '%Y-%m-%dT%H:%M:%SZ') as occurred_at,
            not is_check or draw(n, k, 52, 50) > 0 as has_attachment,
            case
                when day > as_of() then 'planned'
                when draw(n, k, 53, 40) = 0 then null
                when draw(n, k, 53, 40) < 12 - mood(n) then ['declined', 'no_show'][1 + draw(n, k, 56, 2)]
                else 'completed'
            end as status,
            case when draw(n, k, 48, 6) in (1, 2) then draw(n, k, 54, 300 + 130 * (9 - mood(n))) / 10.0 end
                as response_hours,
            case when draw(n, k, 48, 6) = 3 and draw(n, k, 57, 9) > 0 then draw(n, k, 58, 12) < 3 + mood(n) end
                as accepted,
            case when k % 3 = 0 then (draw(n, k, 55, 101) - 80 + 7 * mood(n)) / 100.0 end as sentiment
        from twice
    """,
    "tickets": """
        select
            format('T{:07d}-{}', n, k) as ticket_id,
            account_id(n) as account_id,
            strftime(opened, '%Y-%m-%dT%H:%M:%SZ') as created_at,
            case when draw(n, k, 60, 20) > 0
                then strftime(opened + to_minutes(30 + draw(n, k, 61, 3000 - 300 * mood(n))), '%Y-%m-%dT%H:%M:%SZ') end
                as solved_at,
            ['low', 'normal', 'normal', 'high', 'urgent'][1 + draw(n, k, 62, 5)] as priority,
            draw(n, k, 63, 20 + 5 * mood(n)) = 0 as escalated,
            draw(n, k, 64, 4 + 3 * mood(n)) > 0 as sla_met,
            case when draw(n, k, 65, 3) = 0 then least(5, 1 + (mood(n) / 3)::int + draw(n, k, 66, 4)) end as csat,
            draw(n, k, 68, 4) = 0 as is_incident
        from (select *, as_of()::timestamp - to_minutes(60 + draw(n, k, 67, 250000)) as opened
            from range(1, getvariable('accounts') + 1) r(n), range(24) s(k) where k < tickets_of(n))
    """,
    "usage": """
        select
            account_id(n) as account_id,
            as_of() - asleep_days(n) - (k * 7)::int as usage_date,
            -- Weeks of good moods grow, those of bad ones shrink.
            150 + draw(n, 0, 70, 500) + draw(n, k, 71, 20)
                + (4 - mood(n)) * case when mood(n) = 0 then 3 else 1 end * k::int as active_users,
            (150 + draw(n, 0, 70, 500)) * (10 + draw(n, 0, 77, 6)) // 10
                - case when draw(n, 0, 78, 9) = 0 then 4 * k::int else 0 end as seats,
            draw(n, k, 72, 1 + (mood(n) / 2)::int) as logins,
            20 + draw(n, 0, 73, 70) + draw(n, k, 74, 5) as capacity_used_pct,
            99.0 + (6 * mood(n) + draw(n, k, 75, 40)) / 100.0 as uptime_pct,
            least(8, 2 + (mood(n) / 2)::int + draw(n, 0, 76, 4)) as services_used,
            8 as services_contracted
        from range(1, getvariable('accounts') + 1) r(n), range(27) s(k)
    """,
    "fx_rates": """
        select currency, (date_trunc('quarter', as_of()) - to_months((q * 3)::int))::date as valid_from,
            rate + q / 1000.0 as rate_to_reporting
        from range(60) r(q), (values ('EUR', 1.08), ('GBP', 1.27)) c(currency, rate)
    """,
}

# The first contract runs unless its account churned; the second may have ended, run, or not have begun, and is in a
# fifth of accounts of the same product: a renewal.
CONTRACT_MACROS = """
create macro is_churned(n) as draw(n, 0, 6, 20) = 0;
create macro term_days(n, k) as [364, 364, 364, 1094, case when k = 0 then 364 else 99 end][1 + draw(n, k, 81, 5)];
create macro first_end(n) as as_of() + case
    when is_churned(n) then -30 - draw(n, 0, 80, 400)
    else draw(n, 0, 80, term_days(n, 0))
end;
create macro chain(n) as draw(n, 0, 82, 5);
-- In a chain the second contract follows the first one or came before it, within a month of its end either side.
create macro contract_end(n, k) as case
    when k = 0 then first_end(n)
    when chain(n) = 0 and draw(n, 0, 83, 2) = 0 then first_end(n) + term_days(n, 1) + draw(n, 0, 84, 60) - 29
    when chain(n) = 0 then first_end(n) - term_days(n, 0) + draw(n, 0, 84, 60) - 29
    when is_churned(n) then as_of() - 30 - draw(n, 1, 80, 400)
    else as_of() + draw(n, 1, 80, 900) - 250
end;
create macro contract_start(n, k) as contract_end(n, k) - term_days(n, k);
"""


def generate(drop: Path, accounts: int, as_of: date = AS_OF, seed: int = SEED) -> dict[str, int]:
    """Writes the CSV files and `generated.json` (written last); returns rows by stream."""
    drop.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set timezone = 'UTC'")
        con.execute("set preserve_insertion_order = false")
        con.execute("set variable as_of = ?::date", [as_of])
        con.execute("set variable accounts = ?::bigint", [accounts])
        con.execute("set variable owners = ?::int", [max(5, accounts // 200)])
        con.execute("set variable seed = ?::int", [seed])
        con.execute(MACROS + CONTRACT_MACROS)
        rows = {
            stream: con.execute(f"copy ({query}) to '{drop}/{stream}.csv' (header)").fetchall()[0][0]
            for stream, query in (STREAMS | RELATIONS).items()
        }
    described = {"accounts": accounts, "as_of": as_of.isoformat(), "seed": seed, "rows": rows}
    (drop / "generated.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", required=True, help="10k, 100k, 1m, or a number of accounts")
    parser.add_argument("--drop", type=Path, required=True, help="folder to write the CSV files into")
    parser.add_argument("--as-of", type=date.fromisoformat, default=AS_OF)
    arguments = parser.parse_args()
    started = time.monotonic()
    rows = generate(arguments.drop, accounts_of(arguments.size), arguments.as_of)
    print(json.dumps({"seconds": round(time.monotonic() - started, 2), "rows": rows}))


if __name__ == "__main__":
    main()
