"""Contracts, opportunities, invoices, rates and, since they need the contracts, the accounts' own rows.

Everything is clean here; `dirt.py` plants the faults.
"""

from __future__ import annotations

CONTRACTS = """
create table contract_seeds as
-- one row an account and product: where its running contract ends, and the terms around it
with products as (
    select
        company.*,
        k,
        ['Platform', 'Analytics', 'Connect'][k + 1] as product,
        account_id || '-' || k as seed_id
    from company, range(3) r(k)
    where not is_example
        and k < case
            when stage = 'onboarding' then 1
            else 1 + [0, 0, 1, 0, 1, 2][
                pick(account_id, 'products', case segment when 'smb' then 3 else 6 end) + 1
            ]
        end
),
terms as (
    select
        *,
        case when chance(seed_id, 'term', case when segment = 'smb' then 12 else 30 end) then 3 else 1 end as term_years
    from products
),
ends as (
    select
        *,
        case
            when stage = 'churned' then churned_on
            when lifecycle_fault = 'active_without_contract' then as_of() - 100 - pick(account_id, 'lapsed', 90)
            when stage = 'onboarding'
                then ((as_of() - 5 - pick(seed_id, 'begun', 80)) + to_years(term_years::int))::date - 1
            else as_of() + pick(seed_id, 'left', term_years * 365 - 4)
        end as end_date
    from terms
)
select
    *,
    case when stage = 'onboarding' then 0 else pick(seed_id, 'earlier', 4) end as earlier_terms,
    stage = 'grown' and lifecycle_fault is null and end_date - as_of() < 120 and chance(seed_id, 'renewed',
        35) as is_renewed,
    round(
        case segment when 'smb' then 6000 when 'mid_market' then 30000 else 120000 end
        * (1 + pick(seed_id, 'amount', 40) / 10.0) * [1.0, 0.4, 0.25][k + 1] * term_years
        * case currency when 'JPY' then 150 when 'GBP' then 0.8 when 'EUR' then 0.9 else 1 end,
        case currency when 'JPY' then -4 else -2 end
    )::decimal(19, 2) as current_amount
from ends;

create table clean_contracts as
with chain as (
    -- i counts terms back from the running one; -1 is the renewal already signed
    select
        seed_id || '-' || (i + 1) as contract_id,
        account_id,
        product,
        case
            when i >= 0 then (end_date + 1 - to_years(((i + 1) * term_years)::int))::date
            -- a signed renewal may leave some days between, or overlap by none
            else end_date + 1 + [0, 0, 0, 10][pick(seed_id, 'pause', 4) + 1]
        end as start_date,
        case
            when i >= 0 then (end_date + 1 - to_years((i * term_years)::int))::date - 1
            else (end_date + 1 + [0, 0, 0, 10][pick(seed_id, 'pause', 4) + 1] + interval 1 year)::date - 1
        end as end_date,
        (current_amount * (100 - 6 * greatest(i, 0)) / 100 / case when i < 0 then term_years else 1 end)::decimal(19, 2)
            as amount,
        currency,
        chance(seed_id, 'auto_renew', 30) as auto_renew,
        i
    from contract_seeds, range(-1, 4) r(i)
    where i <= earlier_terms and (i >= 0 or is_renewed)
),
pilots as (
    -- too short for any milestone
    select
        account_id || '-pilot', account_id, 'Pilot',
        as_of() - 120 - pick(account_id, 'pilot_end', 200),
        as_of() - 21 - pick(account_id, 'pilot_end', 200),
        1500.00::decimal(19, 2), currency, false, 0
    from company
    where stage = 'grown' and lifecycle_fault is null and chance(account_id, 'pilot', 4)
),
future_starts as (
    select
        account_id || '-edge', account_id, 'Edge',
        as_of() + 10 + pick(account_id, 'edge', 50),
        ((as_of() + 10 + pick(account_id, 'edge', 50)) + interval 1 year)::date - 1,
        case segment when 'smb' then 4800 when 'mid_market' then 24000 else 90000 end::decimal(19, 2)
            * case currency when 'JPY' then 150 else 1 end,
        currency, false, 0
    from company
    where stage = 'grown' and lifecycle_fault is null and chance(account_id, 'edge', 4)
),
example_terms as (
    select
        account_id || '-' || i, account_id, 'Platform',
        (as_of() + renewal_days + 1 - to_years(((i + 1) * term_years)::int))::date,
        (as_of() + renewal_days + 1 - to_years((i * term_years)::int))::date - 1,
        amount::decimal(19, 2), currency, false, i
    from examples, range(4) r(i)
    where i <= earlier_terms
)
select * from chain
union all select * from pilots
union all select * from future_starts
union all select * from example_terms;

create table contract_facts as
select
    account_id,
    min(start_date) as first_start,
    max(end_date) as last_end,
    count(*) as contract_count,
    min(end_date) filter (start_date <= as_of() and end_date >= as_of() and product <> 'Pilot') as current_end
from clean_contracts
group by account_id;
"""

ACCOUNTS = """
create table clean_accounts as
select
    company.account_id,
    company.account_name,
    owner_name,
    email_of(owner_name) as owner_email,
    csm_name,
    email_of(csm_name) as csm_email,
    ae_name,
    email_of(ae_name) as ae_email,
    company.geo,
    company.region,
    company.segment,
    case
        when is_example then example_lifecycle
        when stage = 'churned' or lifecycle_fault = 'churned_with_contract' then 'churned'
        when lifecycle_fault = 'active_without_contract' then 'active'
        when stage = 'onboarding' then 'onboarding'
        when current_end - as_of() <= 90 then 'renewal'
        else 'active'
    end as lifecycle,
    industry,
    case
        when stage = 'grown' and chance(company.account_id, 'parent', 3) then format('A-{:05d}',
            1 + pick(company.account_id, 'parent', 20))
    end as parent_account_id,
    first_start - pick(company.account_id, 'since', 20) as customer_since,
    last_end as customer_until,
    churned_on,
    is_example or chance(company.account_id, 'enrolled', 70) as health_data_enrolled,
    chance(company.account_id, 'reference', [40, 15, 4, 0][profile]) as reference_customer,
    not is_example and chance(company.account_id, 'self_managed', 30) as self_managed,
    coalesce(example_sla, [99.5, 99.9, 99.9, 99.95][pick(company.account_id, 'sla', 4) + 1]) as sla_target_pct,
    users * 10 as contracted_capacity,
    case
        when chance(company.account_id, 'upgrade', 80)
        then case company.segment when 'smb' then 6000 when 'mid_market' then 32000 else 110000 end
    end as capacity_upgrade_arr,
    not is_example and chance(company.account_id, 'site', 8) as new_site_planned,
    case when not is_example and chance(company.account_id, 'site', 8) then 1 + pick(company.account_id, 'sites',
        3) end as new_site_count,
    case when not is_example and chance(company.account_id, 'site', 7) then 15000 * (1 + pick(company.account_id,
        'sites', 3)) end as new_site_arr,
    case
        when not is_example and chance(company.account_id, 'site', 8)
        then one_of(['next quarter', 'within half a year', 'next year'], company.account_id, 'timeline')
    end as new_site_timeline,
    case when chance(company.account_id, 'managed', 60) then 12000 end as managed_services_arr,
    utc(as_of() - 1 - pick(company.account_id, 'updated', 60), pick(company.account_id, 'minute', 1440)) as updated_at
from company
left join contract_facts using (account_id)
left join (
    select account_id, lifecycle as example_lifecycle, sla_target_pct as example_sla from examples
) using (account_id);
"""

OPPORTUNITIES = """
create table clean_opportunities as
with signed as (
    -- each contract that began was won as new business or as a renewal
    select
        'O-' || contract_id as opportunity_id,
        account_id,
        product || case when i = (max(i) over (partition by account_id, product)) then ' start' else ' renewal' end
            || ' ' || strftime(start_date, '%b %Y') as name,
        case when i = (max(i) over (partition by account_id, product)) then 'new' else 'renewal' end as type,
        'Closed Won' as stage,
        amount,
        currency,
        least(start_date, as_of()) - 70 - pick(contract_id, 'cycle', 60) as created_on,
        least(start_date, as_of()) - 1 - pick(contract_id, 'close', 20) as close_date,
        true as is_closed,
        true as is_won,
        end_date as contract_end_date,
        null::varchar as competitor
    from clean_contracts
),
renewing as (
    select
        'O-' || contract_id || '-next',
        clean_contracts.account_id,
        product || ' renewal ' || strftime(clean_contracts.end_date, '%b %Y'),
        'renewal',
        one_of(['Discovery', 'Proposal', 'Negotiation'], contract_id, 'stage'),
        amount,
        clean_contracts.currency,
        as_of() - 3 - pick(contract_id, 'created', 60),
        clean_contracts.end_date,
        false,
        false,
        null::date,
        case when chance(contract_id, 'rival', [1, 4, 12, 30][profile]) then one_of(words.competitors, contract_id,
            'who') end
    from clean_contracts
    inner join company using (account_id)
    inner join words on true
    where start_date <= as_of() and clean_contracts.end_date between as_of() + 1 and as_of() + 150
        and product = 'Platform'
        and churned_on is null and chance(contract_id, 'renewing', 60)
        and not exists (
            select 1 from clean_contracts later
            where later.account_id = clean_contracts.account_id and later.product = 'Platform'
                and later.start_date > clean_contracts.end_date
        )
),
expansions as (
    select
        'O-' || account_id || '-x' || k,
        account_id,
        one_of(['Seats', 'Capacity', 'New site', 'Premium support'], account_id || k, 'what') || ' expansion '
            || (k + 1),
        'expansion',
        case when is_open then 'Proposal' when is_won then 'Closed Won' else 'Closed Lost' end,
        (case segment when 'smb' then 2000 when 'mid_market' then 12000 else 60000 end
            * (1 + pick(account_id || k, 'size', 10) / 5.0)
            * case currency when 'JPY' then 150 else 1 end)::decimal(19, 2),
        currency,
        created_on,
        case when is_open then as_of() + 15 + pick(account_id || k, 'close', 90)
            else least(created_on + 20 + pick(account_id || k, 'close', 60), as_of() - 1) end,
        not is_open,
        not is_open and is_won,
        null::date,
        null::varchar
    from (
        select
            *,
            as_of() - 5 - pick(account_id || k, 'created', 500) as created_on,
            chance(account_id || k, 'open', 35) as is_open,
            chance(account_id || k, 'won', [75, 60, 40, 20][profile]) as is_won
        from company, range(4) r(k)
        where stage = 'grown' and churned_on is null and k < [3, 2, 1, 0][profile] + pick(account_id, 'expansions', 2)
    )
    inner join contract_facts using (account_id)
    where created_on > first_start
)
select * from signed
union all select * from renewing
union all select * from expansions;
"""

INVOICES = """
create table clean_invoices as
with quarterly as (
    select
        contract_id || '-' || q as invoice_id,
        account_id,
        issued_on,
        issued_on + 30 as due_on,
        (amount / 4 / greatest(1, round((end_date - start_date) / 365)))::decimal(19, 2) as amount,
        clean_contracts.currency,
        aspect(account_id, profile, 'paying') as paying
    from (
        select *, (start_date + to_months((q * 3)::int))::date as issued_on
        from clean_contracts, range(12) r(q)
    ) clean_contracts
    inner join company using (account_id)
    where issued_on <= least(as_of(), end_date) and issued_on > as_of() - 400 and product <> 'Pilot'
),
paid as (
    select
        *,
        chance(invoice_id, 'failed', [0.5, 1, 3, 8][paying]) as is_failed,
        chance(invoice_id, 'disputed', [0.5, 1, 3, 6][paying]) as is_disputed,
        issued_on + 10 + pick(invoice_id, 'days', [22, 28, 45, 80][paying]) as payment_day
    from quarterly
)
select
    'I-' || invoice_id as invoice_id,
    account_id,
    issued_on,
    due_on,
    case when not is_failed and not is_disputed and payment_day <= as_of() then payment_day end as paid_on,
    amount,
    currency,
    case
        when is_failed then 'failed'
        when is_disputed then 'disputed'
        when payment_day <= as_of() then 'paid'
        else 'open'
    end as status
from paid
where not (is_failed or is_disputed) or account_id not in (select account_id from examples);
"""

FX_RATES = """
create table clean_fx_rates as
with quarters as (
    select (date_trunc('quarter', as_of()) - to_months((q * 3)::int))::date as valid_from
    from range(60) r(q)
)
select
    currency,
    valid_from,
    (base * (1 + (pick(currency || valid_from, 'rate', 800) - 400) / 10000.0))::decimal(18, 6) as rate_to_reporting
from quarters, (values ('EUR', 1.08), ('GBP', 1.27), ('JPY', 0.0067)) rate(currency, base);
"""
