with
windows as (
    select * from {{ ref('int_health_checks__windows') }}
),

contracts as (
    select * from {{ ref('int_contracts__converted') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

rules as (
    select scope_id, horizon_quarters from {{ ref('stg_policy__health_check_rules') }}
),

completions as (
    select * from {{ ref('int_health_checks__completions') }}
),

near_misses as (
    select * from {{ ref('int_health_checks__near_misses') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
),

quarters as (
    select
        windows.*,
        run.as_of_date,
        {{ fiscal_quarter_number('windows.due_date', 'run.fiscal_year_start_month') }} as due_quarter,
        {{ fiscal_quarter_number('run.as_of_date', 'run.fiscal_year_start_month') }} as current_quarter,
        run.fiscal_year_start_month
    from windows
    cross join run
),

judged as (
    select
        quarters.*,
        completions.completing_activity_id,
        completions.completed_by,
        completions.completed_on,
        near_misses.near_miss,
        case
            when completions.is_in_window then 'completed'
            when completions.target_id is not null then 'completed_late'
            when quarters.as_of_date > quarters.expires_on then 'missed'
            when quarters.as_of_date > quarters.due_date then 'past_due'
            when
                quarters.as_of_date >= quarters.window_opens_on
                or quarters.due_quarter = quarters.current_quarter
                then 'pending'
            when
                quarters.due_quarter > quarters.current_quarter
                and quarters.due_quarter <= quarters.current_quarter + rules.horizon_quarters
                then 'upcoming'
            else 'beyond_horizon'
        end as status_of_dates
    from quarters
    inner join rules on quarters.scope_id = rules.scope_id
    left join completions on quarters.target_id = completions.target_id
    left join near_misses on quarters.target_id = near_misses.target_id
)

select
    judged.target_id,
    judged.account_id,
    accounts.account_name,
    judged.contract_id,
    contracts.product,
    judged.milestone,
    judged.anchor_date,
    judged.due_date,
    judged.due_quarter,
    judged.window_opens_on,
    judged.window_closes_on,
    judged.expires_on,
    case
        when
            judged.status_of_dates in ('past_due', 'pending', 'upcoming', 'beyond_horizon')
            and (contracts.start_date > judged.as_of_date or accounts.is_churned)
            then 'not_applicable'
        else judged.status_of_dates
    end as status,
    {{ days_between('judged.as_of_date', 'judged.due_date') }} as days_to_due,
    judged.as_of_date >= judged.window_opens_on and judged.as_of_date <= judged.window_closes_on as in_window,
    judged.completed_on,
    judged.completed_by,
    judged.completing_activity_id,
    judged.near_miss,
    contracts.start_date,
    accounts.is_churned,
    contracts.amount,
    contracts.source_amount,
    contracts.source_currency,
    accounts.owner_name,
    accounts.geo,
    accounts.region,
    accounts.segment
from judged
inner join contracts on judged.contract_id = contracts.contract_id
inner join accounts on judged.account_id = accounts.account_id
