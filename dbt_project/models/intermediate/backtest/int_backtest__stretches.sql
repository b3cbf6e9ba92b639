with
contracts as (
    select
        account_id,
        contract_id,
        start_date,
        end_date
    from {{ ref('stg_landing__contracts') }}
),

settings as (
    select chain_days from {{ ref('stg_policy__churn_settings') }}
),

ordered as (
    select
        *,
        max(end_date) over (
            partition by account_id
            order by start_date, end_date, contract_id
            rows between unbounded preceding and 1 preceding
        ) as ended_before
    from contracts
),

marked as (
    select
        ordered.account_id,
        ordered.contract_id,
        ordered.start_date,
        ordered.end_date,
        case
            when ordered.start_date <= {{ add_days('ordered.ended_before', 'settings.chain_days') }} then 0
            else 1
        end as begins
    from ordered
    cross join settings
),

numbered as (
    select
        *,
        sum(begins) over (
            partition by account_id
            order by start_date, end_date, contract_id
            rows between unbounded preceding and current row
        ) as stretch
    from marked
),

stretches as (
    select
        account_id,
        stretch,
        min(start_date) as starts_on,
        max(end_date) as ends_on
    from numbered
    group by account_id, stretch
)

select
    account_id,
    starts_on,
    ends_on,
    {{ add_days('ends_on', 1) }} as lapsed_on,
    lead(starts_on) over (partition by account_id order by stretch) as next_starts_on
from stretches
