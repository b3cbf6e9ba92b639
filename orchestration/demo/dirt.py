"""Plants the faults of `faults.py` in the clean rows: one statement a stream, giving `out_<stream>` as text.

A fault takes a range of ranks among the rows it may befall, so a row never carries two. Faults that change a row stand
in its own SELECT, faults that add a faulty copy in the SELECT below it. `out_<stream>` holds `fault` and `record_key`
before the columns of the file, to be counted and left out when it is written.
"""

from __future__ import annotations

SHARED_NAMES = """
create table shared_names as
select account_id, bare_name, legal_form
from (
    select *, row_number() over (order by draw(account_id, 'shared')) as rank
    from company
    where legal_form in (' Inc', ' Inc.') and stage = 'grown' and lifecycle_fault is null
)
where rank <= (select last_rank - first_rank + 1 from planting where fault = 'shared_normalised_name');
"""

ACCOUNTS = """
create table out_accounts as
with ranked as (
    select clean_accounts.*, company.is_example, row_number() over (
        partition by is_example or lifecycle_fault is not null or stage <> 'grown' order by draw(account_id, 'dirt')
    ) as rank, is_example or lifecycle_fault is not null or stage <> 'grown' as is_spared, lifecycle_fault
    from clean_accounts inner join company using (account_id)
),
planted as (
    select ranked.*, planting.fault, planting.extra
    from ranked left join planting
        on planting.stream = 'accounts' and not is_spared and rank between first_rank and last_rank
        and planting.fault not in ('active_without_contract', 'churned_with_contract', 'shared_normalised_name')
),
rows_as_they_are as (
    select
        coalesce(case when not extra then fault end, lifecycle_fault) as fault,
        account_id as record_key,
        columns(* exclude (is_example, rank, is_spared, lifecycle_fault, fault, extra)) ::varchar
    from planted
)
select * replace (
    case when fault = 'missing_owner' then null else owner_name end as owner_name,
    case when fault = 'missing_owner' then null when fault = 'malformed_owner_email' then replace(owner_email, '@',
        ' at ')
        else owner_email end as owner_email,
    case when fault = 'missing_geo' then null else geo end as geo,
    case when fault = 'missing_region' then null else region end as region,
    case when fault = 'unknown_segment' then 'gigantic' else segment end as segment,
    case when fault = 'customer_until_differs' then (customer_until::date + 75)::varchar
        else customer_until end as customer_until,
    case when fault = 'customer_since_late' then (customer_since::date + 60)::varchar
        else customer_since end as customer_since
)
from rows_as_they_are
union all
select 'duplicate_id', account_id, columns(* exclude (is_example, rank, is_spared, lifecycle_fault, fault,
    extra))::varchar
from (select * replace (utc(as_of() - 200, 60) as updated_at, 'Before the handover' as industry) from planted
    where fault = 'duplicate_id')
union all
select 'missing_name', account_id, columns(* exclude (is_example, rank, is_spared, lifecycle_fault, fault,
    extra))::varchar
from (
    select * replace ('A-8' || right(account_id, 4) as account_id, null as account_name, null as parent_account_id)
    from planted where fault = 'missing_name'
)
union all
select 'shared_normalised_name', account_id, columns(* exclude (is_example, rank, is_spared, lifecycle_fault, fault,
    extra))::varchar
from (
    select planted.* replace (
        'A-7' || right(account_id, 4) as account_id, bare_name || ' GmbH' as account_name, 'churned' as lifecycle,
        as_of() - 400 as churned_on, null as customer_until, null as customer_since, null as parent_account_id
    )
    from planted inner join shared_names using (account_id)
);
"""

CONTRACTS = """
create table out_contracts as
with ranked as (
    select *, row_number() over (order by draw(contract_id, 'dirt')) as rank
    from clean_contracts
    -- a long past term of a plain account: a faulty copy of it moves nobody's renewal
    where i >= 1 and account_id not in (select account_id from examples)
),
planted as (
    select ranked.*, fault
    from ranked inner join planting on planting.stream = 'contracts' and rank between first_rank and last_rank
),
plain as (
    select
        null::varchar as fault, contract_id as record_key, contract_id, account_id, null::varchar as account_name,
            product,
        start_date::varchar as start_date, end_date::varchar as end_date,
        case
            when currency = 'USD' and pick(contract_id, 'written', 20) = 0 and amount % 1000 = 0
            then '$' || (amount / 1000)::int || 'K'
            when pick(contract_id, 'written', 20) = 1 then format('{:,.2f}', amount::double)
            else amount::varchar
        end as amount,
        currency, auto_renew::varchar as auto_renew
    from clean_contracts
)
select * from plain
union all
select
    fault,
    case when fault = 'duplicate_id' then contract_id else contract_id || '-' || fault end,
    case when fault = 'duplicate_id' then contract_id else contract_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) when fault = 'misspelt_account' then null
        else account_id end,
    case when fault = 'misspelt_account' then (
        select left(company.account_name, 3) || substr(company.account_name, 5) from company
            where company.account_id = planted.account_id
    ) end,
    product,
    case when fault = 'unparseable_date' then 'spring term' when fault = 'end_before_start' then end_date::varchar
        when fault = 'overlapping' then (start_date + 40)::varchar else start_date::varchar end,
    case when fault = 'end_before_start' then start_date::varchar when fault = 'overlapping'
        then (start_date + 130)::varchar
        else end_date::varchar end,
    case when fault = 'unparseable_amount' then 'to be agreed' when fault = 'missing_amount' then null
        else amount::varchar end,
    case when fault = 'currency_without_rate' then 'CHF' else currency end,
    auto_renew::varchar
from planted;
"""

OPPORTUNITIES = """
create table out_opportunities as
with singles as (
    -- one contract in all, so that no other contract can end near the planted date
    select account_id from contract_facts where contract_count = 1
),
kinds as (
    select
        *,
        case
            when account_id in (select account_id from examples) then null
            when is_won and type in ('new', 'renewal') and account_id in (select account_id from singles)
                then 'won_single'
            when not is_closed then 'open'
            when is_won and type = 'expansion' then 'expansion'
            when is_won and contract_end_date < as_of() - 500 then 'won_long_ago'
        end as kind
    from clean_opportunities
),
wanted as (
    select *, case fault
        when 'won_end_unmatched' then 'won_single'
        when 'open_close_date_past' then 'open'
        when 'unparseable_amount' then 'expansion'
        when 'unknown_type' then 'expansion'
        else 'won_long_ago'
    end as kind
    from planting where stream = 'opportunities'
),
ranked as (
    select *, row_number() over (partition by kind order by draw(opportunity_id, 'dirt')) as rank from kinds
),
numbered as (
    select fault, extra, kind, last_rank - first_rank + 1 as n,
        coalesce(sum(last_rank - first_rank + 1) over (
            partition by kind order by first_rank rows between unbounded preceding and 1 preceding), 0) as before
    from wanted
),
planted as (
    select ranked.*, fault, extra
    from ranked left join numbered on numbered.kind = ranked.kind and rank > before and rank <= before + n
),
plain as (
    select
        case when not extra then fault end as fault, opportunity_id as record_key,
        opportunity_id, account_id, name,
        case when fault = 'unknown_type' then 'upsell-ish' else type end as type,
        stage,
        case when fault = 'unparseable_amount' then 'around forty' else amount::varchar end as amount,
        currency, created_on::varchar as created_on,
        case when fault = 'open_close_date_past' then least(as_of() - 20, created_on)::varchar
            else close_date::varchar end as close_date,
        is_closed::varchar as is_closed, is_won::varchar as is_won,
        case when fault = 'won_without_contract_end' then null
            when fault = 'won_end_unmatched' then (contract_end_date - 45)::varchar
            else contract_end_date::varchar end as contract_end_date,
        competitor
    from planted
)
select * from plain
union all
select
    fault,
    case when fault = 'duplicate_id' then opportunity_id else opportunity_id || '-' || fault end,
    case when fault = 'duplicate_id' then opportunity_id else opportunity_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    name, type, stage, amount::varchar,
    case when fault = 'currency_without_rate' then 'CHF' else currency end,
    case when fault = 'missing_created_on' then null else created_on::varchar end,
    close_date::varchar, is_closed::varchar, is_won::varchar, contract_end_date::varchar, competitor
from planted
where extra;
"""

ACTIVITIES = """
create table out_activities as
with kinds as (
    select
        *,
        case
            when is_example then null
            when is_delivered_check then 'check'
            when type = 'email' and sentiment is not null then 'email'
            when type in ('call', 'meeting') and day <= as_of() and account_id is not null then 'talk'
        end as kind
    from clean_activities
),
wanted as (
    select *, case
        when fault = 'check_without_attachment' then 'check'
        when fault in ('sentiment_out_of_range', 'unparseable_response_hours') then 'email'
        else 'talk'
    end as kind
    from planting where stream = 'activities'
),
ranked as (
    select *, row_number() over (partition by kind order by draw(activity_id, 'dirt')) as rank from kinds
),
numbered as (
    select fault, extra, kind, last_rank - first_rank + 1 as n,
        coalesce(sum(last_rank - first_rank + 1) over (
            partition by kind order by first_rank rows between unbounded preceding and 1 preceding), 0) as before
    from wanted
),
planted as (
    select ranked.*, fault, extra, rank - before as nth
    from ranked left join numbered on numbered.kind = ranked.kind and rank > before and rank <= before + n
)
select
    case when not extra then fault end as fault, activity_id as record_key, activity_id, account_id, account_name,
    opportunity_id, opportunity_name, owner_name, owner_email,
    case when fault = 'unknown_type' and not extra then 'carrier pigeon' else type end as type,
    subject, occurred_at,
    case when fault = 'check_without_attachment' then case when account_id is null then 'N' else 'false' end
        when fault = 'unparseable_attachment' then 'perhaps' else has_attachment end as has_attachment,
    revenue, revenue_currency, status, accepted::varchar as accepted,
    case when fault = 'unparseable_response_hours' then 'a while' else response_hours::varchar end as response_hours,
    case when fault = 'sentiment_out_of_range' then '7' else sentiment::varchar end as sentiment
from planted
union all
select
    fault,
    case when fault = 'duplicate_id' then activity_id else activity_id || '-' || fault end,
    case when fault = 'duplicate_id' then activity_id else activity_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4)
        when fault in ('misspelt_account', 'ambiguous_account') then null else account_id end,
    case when fault = 'misspelt_account' then left(true_account_name, 3) || substr(true_account_name, 5)
        when fault = 'ambiguous_account' then (
            select list(bare_name order by account_id) from shared_names
        )[1 + ((nth - 1) % (select count(*) from shared_names))::int]
        else account_name end,
    opportunity_id, opportunity_name,
    case when fault = 'missing_owner' then null else owner_name end,
    owner_email, type,
    case when fault = 'missing_subject' then null else subject end,
    case when fault = 'unparseable_timestamp' then 'last Tuesday' when fault = 'after_as_of' then utc(as_of() + 1, 5)
        else occurred_at end,
    has_attachment, revenue, revenue_currency, status, accepted::varchar, response_hours::varchar, sentiment::varchar
from planted
where extra;
"""

CONTACTS = """
create table out_contacts as
with ranked as (
    select *, row_number() over (partition by is_example order by draw(contact_id, 'dirt')) as rank from clean_contacts
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'contacts' and not is_example and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, contact_id as record_key, contact_id, account_id,
    case when fault = 'unknown_role' then 'figurehead' else role end as role,
    started_on::varchar as started_on, ended_on::varchar as ended_on
from planted
union all
select
    fault,
    case when fault = 'duplicate_id' then contact_id else contact_id || '-' || fault end,
    case when fault = 'duplicate_id' then contact_id else contact_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    role, started_on::varchar, ended_on::varchar
from planted
where extra;
"""

SIGNALS = """
create table out_signals as
with ranked as (
    -- the severity of a feature request means nothing: a fault there moves nothing else
    select *, row_number() over (partition by signal_type = 'feature_request' order by draw(signal_id, 'dirt')) as rank
    from clean_signals
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'signals' and signal_type = 'feature_request' and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, signal_id as record_key, signal_id, account_id, signal_type,
    observed_on::varchar as observed_on,
    case when fault = 'unknown_severity' then 'apocalyptic' else severity end as severity,
    resolved_on::varchar as resolved_on, note
from planted
union all
select
    fault, signal_id || '-' || fault, signal_id || '-' || fault,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    case when fault = 'unknown_type' then 'bad_feeling' else signal_type end,
    observed_on::varchar, severity, resolved_on::varchar, note
from planted
where extra;
"""

TICKETS = """
create table out_tickets as
with kinds as (
    select *, not is_example and solved_at is not null and csat is not null and sentiment is not null as may_fail
    from clean_tickets
),
ranked as (
    select *, row_number() over (partition by may_fail order by draw(ticket_id, 'dirt')) as rank from kinds
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'tickets' and may_fail and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, ticket_id as record_key, ticket_id, account_id, created_at,
    case when fault = 'solved_before_created' then strftime(created_at::timestamp - interval 2 day,
        '%Y-%m-%dT%H:%M:%SZ')
        else solved_at end as solved_at,
    case when fault = 'unknown_priority' then 'yesterday' else priority end as priority,
    is_incident::varchar as is_incident, escalated::varchar as escalated, sla_met::varchar as sla_met,
    case when fault = 'csat_out_of_range' then '9' else csat::varchar end as csat,
    case when fault = 'sentiment_out_of_range' then '2.5' else sentiment::varchar end as sentiment,
    topic
from planted
union all
select
    fault,
    case when fault = 'duplicate_id' then ticket_id else ticket_id || '-' || fault end,
    case when fault = 'duplicate_id' then ticket_id else ticket_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    case when fault = 'unparseable_created_at' then 'this morning' when fault = 'after_as_of' then utc(as_of() + 1, 7)
        else created_at end,
    case when fault = 'after_as_of' then null else solved_at end,
    priority, is_incident::varchar, escalated::varchar, sla_met::varchar, csat::varchar, sentiment::varchar, topic
from planted
where extra;
"""

USAGE = """
create table usage_gaps as
-- accounts that skip four days running: in the last 28, away from both ends
select account_id, 8 + pick(account_id, 'gap', 10) as first_d
from (
    select account_id, row_number() over (order by draw(account_id, 'gap')) as rank
    from clean_usage
    where not is_example
    group by account_id
    having count(*) filter (d < 28) = 28
)
where rank <= getvariable('usage_gaps');

create table out_usage as
with kept as (
    select clean_usage.*, min(active_users) over (partition by account_id) as least_active,
        usage_gaps.account_id is not null as has_gap
    from clean_usage left join usage_gaps using (account_id)
    where first_d is null or d not between first_d and first_d + 3
),
kinds as (
    -- busy accounts only, recent days; one row an account, so that nothing adds up to another fault
    select *, not is_example and not has_gap and least_active >= 5 and d = 2 + pick(account_id, 'day', 20) as may_fail
        from kept
),
ranked as (
    select *, row_number() over (partition by may_fail order by draw(account_id, 'dirt')) as rank from kinds
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'usage' and may_fail and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, account_id || ' ' || usage_date as record_key, account_id,
    usage_date::varchar as usage_date,
    case when fault = 'unparseable_active_users' then 'several' when fault = 'spike' then (active_users * 6)::varchar
        else active_users::varchar end as active_users,
    seats::varchar as seats, logins::varchar as logins,
    case when fault = 'capacity_out_of_range' then '1500' else capacity_used_pct::varchar end as capacity_used_pct,
    case when fault = 'uptime_out_of_range' then '104.2' else uptime_pct::varchar end as uptime_pct,
    services_used::varchar as services_used, services_contracted::varchar as services_contracted
from planted
union all
select
    fault,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end || ' '
        || case when fault = 'unparseable_date' then 'day one' else usage_date::varchar end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    case when fault = 'unparseable_date' then 'day one' else usage_date::varchar end,
    active_users::varchar, seats::varchar, logins::varchar, capacity_used_pct::varchar, uptime_pct::varchar,
    services_used::varchar, services_contracted::varchar
from planted
where extra;
"""

SURVEYS = """
create table out_survey_responses as
with ranked as (
    select *, row_number() over (partition by is_example or score is null order by draw(survey_id, 'dirt')) as rank
    from clean_survey_responses
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'survey_responses' and not is_example and score is not null
        and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, survey_id as record_key, survey_id, account_name, survey_type,
    sent_on::varchar as sent_on, responded_on::varchar as responded_on,
    case when fault = 'score_out_of_range' then '11' else score::varchar end as score
from planted
union all
select
    fault,
    case when fault = 'duplicate_id' then survey_id else survey_id || '-' || fault end,
    case when fault = 'duplicate_id' then survey_id else survey_id || '-' || fault end,
    case when fault = 'unknown_account' then 'Nonesuch Holdings' else account_name end,
    survey_type, sent_on::varchar, responded_on::varchar, score::varchar
from planted
where extra;
"""

INVOICES = """
create table out_invoices as
with ranked as (
    select *, account_id in (select account_id from examples) or status <> 'paid' as is_spared, row_number() over (
        partition by account_id in (select account_id from examples) or status <> 'paid' order by draw(invoice_id,
            'dirt')
    ) as rank
    from clean_invoices
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting
        on planting.stream = 'invoices' and not is_spared and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, invoice_id as record_key, invoice_id, account_id,
    issued_on::varchar as issued_on, due_on::varchar as due_on, paid_on::varchar as paid_on,
    case when fault = 'unparseable_amount' then 'see attached' else amount::varchar end as amount,
    currency,
    case when fault = 'unknown_status' then 'forgotten' else status end as status
from planted
union all
select
    fault,
    case when fault = 'duplicate_id' then invoice_id else invoice_id || '-' || fault end,
    case when fault = 'duplicate_id' then invoice_id else invoice_id || '-' || fault end,
    case when fault = 'unknown_account' then 'A-9' || right(account_id, 4) else account_id end,
    issued_on::varchar, due_on::varchar, paid_on::varchar, amount::varchar,
    case when fault = 'currency_without_rate' then 'CHF' else currency end,
    status
from planted
where extra;
"""

INTERVENTIONS = """
create table out_interventions as
with ranked as (
    select *, row_number() over (order by draw(intervention_id, 'dirt')) as rank from clean_interventions
),
planted as (
    select ranked.*, fault, extra
    from ranked left join planting on planting.stream = 'interventions' and rank between first_rank and last_rank
)
select
    case when not extra then fault end as fault, intervention_id as record_key, intervention_id, account_id, strategy,
    opened_on::varchar as opened_on, closed_on::varchar as closed_on,
    case when fault = 'unknown_outcome' then 'unclear' else outcome end as outcome,
    root_cause
from planted
union all
select
    fault, intervention_id || '-' || fault, intervention_id || '-' || fault, 'A-9' || right(account_id, 4), strategy,
    opened_on::varchar, closed_on::varchar, outcome, root_cause
from planted
where extra;
"""

FX_RATES = """
create table out_fx_rates as
select
    null::varchar as fault, currency || ' ' || valid_from as record_key, currency, valid_from::varchar as valid_from,
    rate_to_reporting::varchar as rate_to_reporting
from clean_fx_rates
union all
-- a day of its own inside the oldest quarter, so that no other rate is lost with it
select fault, 'EUR ' || day, 'EUR', day::varchar, 'about one'
from (select min(valid_from) + 9 as day from clean_fx_rates), planting
where stream = 'fx_rates';
"""
