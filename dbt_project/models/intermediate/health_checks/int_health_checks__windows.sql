with
contracts as (
    select * from {{ ref('int_contracts__converted') }}
),

accounts as (
    select account_id, segment from {{ ref('int_accounts__profiled') }}
),

scopes as (
    select segment_and_product, scope_id from {{ ref('int_health_checks__scopes') }}
    where product is not null
),

milestones as (
    select * from {{ ref('stg_policy__health_check_milestones') }}
),

dated as (
    select
        contracts.contract_id,
        contracts.account_id,
        contracts.start_date,
        contracts.end_date,
        milestones.scope_id,
        milestones.milestone,
        milestones.opens_days_before,
        milestones.closes_days_after,
        case
            when milestones.anchor = 'contract_start' then contracts.start_date else contracts.end_date
        end as anchor_date,
        milestones.offset_days
    from contracts
    inner join accounts on contracts.account_id = accounts.account_id
    inner join scopes
        on {{ segment_and_product('accounts.segment', 'contracts.product') }} = scopes.segment_and_product
    inner join milestones on scopes.scope_id = milestones.scope_id
    where {{ days_between('contracts.start_date', 'contracts.end_date') }} >= milestones.minimum_term_days
),

due as (
    select
        *,
        {{ add_days('anchor_date', 'offset_days') }} as due_date
    from dated
),

windows as (
    select
        contract_id,
        account_id,
        scope_id,
        milestone,
        anchor_date,
        end_date,
        due_date,
        greatest({{ add_days('due_date', '-opens_days_before') }}, start_date) as window_opens_on,
        least({{ add_days('due_date', 'closes_days_after') }}, end_date) as window_closes_on
    from due
),

-- Milestones of one contract that fall due on the same day don't bound each other, so the next one is looked up
-- among the contract's distinct due dates.
due_dates as (
    select contract_id, due_date, min(window_opens_on) as window_opens_on
    from windows
    group by contract_id, due_date
),

followed as (
    select
        contract_id,
        due_date,
        lead(window_opens_on) over (partition by contract_id order by due_date) as next_window_opens_on
    from due_dates
)

select
    windows.contract_id || ':' || windows.milestone as target_id,
    windows.contract_id,
    windows.account_id,
    windows.scope_id,
    windows.milestone,
    windows.anchor_date,
    windows.due_date,
    windows.window_opens_on,
    windows.window_closes_on,
    greatest(
        windows.window_closes_on,
        least(windows.end_date, coalesce({{ add_days('followed.next_window_opens_on', '-1') }}, windows.end_date))
    ) as expires_on
from windows
inner join followed
    on windows.contract_id = followed.contract_id and windows.due_date = followed.due_date
