"""Draws, words and the accounts every other stream hangs on.

Here: the macros of hash-based randomness (never `random()`, whose order depends on threads) and the table `company`,
one row an account with what shapes its other rows. Not here: the rows of any stream.
"""

from __future__ import annotations

MACROS = """
create macro as_of() as getvariable('as_of')::date;
create macro draw(key, salt) as md5_number_lower(concat_ws('|', key, salt, getvariable('seed')));
-- 0 … n - 1
create macro pick(key, salt, n) as (draw(key, salt) % (n)::ubigint)::int;
create macro chance(key, salt, percent) as pick(key, salt, 1000) < (percent) * 10;
-- an element of a list
create macro one_of(list, key, salt) as list[pick(key, salt, len(list)) + 1];
-- the account's profile in one aspect: 1 thriving … 4 failing, now and then a step off the account's own
create macro aspect(account_id, profile, salt) as
    greatest(1, least(4, profile + [-1, 0, 0, 0, 0, 1][pick(account_id, salt, 6) + 1]));
create macro utc(day, minutes) as
    strftime(day::timestamp + to_minutes((minutes)::bigint), '%Y-%m-%dT%H:%M:%SZ');
create macro email_of(name) as
    regexp_replace(lower(strip_accents(name)), '[^a-z]+', '.', 'g') || '@accounts.example';
"""

COMPANY = """
create table company as
with numbered as (
    select n::int as n, format('A-{:05d}', n) as account_id
    from range(1, getvariable('accounts')::bigint + 1) r(n)
),
places_by_share as (
    select geo, region, currency, sum(share) over (order by position) as up_to, position
    from places
),
drawn as (
    select
        n,
        account_id,
        pick(account_id, 'segment', 100) as segment_draw,
        pick(account_id, 'stage', 100) as stage_draw,
        pick(account_id, 'profile', 100) as profile_draw,
        pick(account_id, 'place', 100) as place_draw,
        -- every pair of words once: first words turn fastest, the second moves on after a round
        words.first[(n - 1) % len(words.first) + 1]
            || ' ' || words.second[((n - 1) // len(words.first) + (n - 1)) % len(words.second) + 1]
            || case
                when n > len(words.first) * len(words.second)
                then ' ' || (n // (len(words.first) * len(words.second)) + 1)
                else ''
            end as bare_name,
        one_of(words.legal, account_id, 'legal') as legal_form
    from numbered, words
),
staged as (
    select
        *,
        case when segment_draw < 60 then 'smb' when segment_draw < 90 then 'mid_market'
            else 'enterprise' end as segment,
        case when stage_draw < 6 then 'churned' when stage_draw < 14 then 'onboarding' else 'grown' end as stage,
        case
            when profile_draw < 38 then 1
            when profile_draw < 72 then 2
            when profile_draw < 90 then 3
            else 4
        end as profile
    from drawn
),
ranked as (
    select
        *,
        row_number() over (partition by stage order by draw(account_id, 'fault')) as stage_rank
    from staged
),
planted as (
    select ranked.*, planting.fault as lifecycle_fault
    from ranked
    left join planting
        on planting.stream = 'accounts'
        and planting.fault in ('active_without_contract', 'churned_with_contract')
        and ranked.stage = 'grown'
        and ranked.stage_rank between planting.first_rank and planting.last_rank
),
placed as (
    select
        planted.*,
        place.geo,
        place.region,
        place.currency
    from planted
    inner join lateral (
        select * from places_by_share where up_to > planted.place_draw order by position limit 1
    ) place on true
)
select
    account_id,
    bare_name || legal_form as account_name,
    bare_name,
    legal_form,
    segment,
    stage,
    profile,
    geo,
    region,
    currency,
    lifecycle_fault,
    stage_rank,
    case
        when stage = 'churned' then as_of() - 40 - pick(account_id, 'churned_on', 260)
        when lifecycle_fault = 'churned_with_contract' then as_of() - 60 - pick(account_id, 'churned_on', 60)
    end as churned_on,
    one_of(words.owners, account_id, 'owner') as owner_name,
    one_of(words.csms, account_id, 'csm') as csm_name,
    one_of(words.aes, account_id, 'ae') as ae_name,
    one_of(words.industries, account_id, 'industry') as industry,
    case segment when 'smb' then 8 when 'mid_market' then 60 else 400 end
        + pick(account_id, 'users', case segment when 'smb' then 25 when 'mid_market' then 200 else 1500 end) as users,
    false as is_example
from placed, words
union all
select
    account_id, account_name, account_name, '', segment, 'example', profile, geo, region, currency, null, null, null,
    owner_name, csm_name, ae_name, industry, users, true
from examples;
"""

# The four accounts of the action engine's table. Term, tickets, usage and services are what makes its facts true.
EXAMPLES = """
create table examples as
select * from (values
    ('northwind', 'Northwind Logistics', 'mid_market', 'active', 2, 'AMER', 'US East', 'USD',
     'Amara Okafor', 'Dara Sullivan', 'Cormac Byrne', 'Logistics', 100,
     90, 1, 2, 96000, 0.8, 6, 2, 0, [3, 4, 4, 4, 4], null, 99.9, 55),
    ('greensprout', 'GreenSprout Onboarding', 'smb', 'onboarding', 2, 'EMEA', 'Nordics', 'EUR',
     'Björn Lindqvist', 'Freya Holm', 'Iris van Dijk', 'Technology', 20,
     300, 1, 0, 18000, 1.0, 3, 1, 0, [4, 4, 4, 4, 5], 'minor', 99.5, 35),
    ('harborview', 'HarborView Manufacturing', 'mid_market', 'renewal', 3, 'AMER', 'US West', 'USD',
     'Camila Restrepo', 'Lucía Serrano', 'Bruno Salgado', 'Manufacturing', 150,
     45, 1, 3, 150000, 0.8, 6, 5, 1, [3, 3, 3, 3, 3, 3, 3, 3, 3, 4], 'major', 99.9, 84),
    ('silverpeak', 'SilverPeak Enterprise', 'enterprise', 'active', 1, 'EMEA', 'UK & Ireland', 'GBP',
     'Fiona MacAskill', 'Gabriel Laurent', 'Liam Pritchard', 'Financial Services', 900,
     200, 3, 1, 1200000, 1.1, 9, 0, 0, [4, 4, 4, 5, 5, 5, 5, 5, 5, 5], null, 99.9, 72)
) example(
    account_id, account_name, segment, lifecycle, profile, geo, region, currency,
    owner_name, csm_name, ae_name, industry, users,
    renewal_days, term_years, earlier_terms, amount, usage_factor, services_used, open_tickets, urgent_tickets,
    csats, blocker, sla_target_pct, capacity_used_pct
);
"""
