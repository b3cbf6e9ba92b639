with
candidates as (
    select * from {{ ref('fct_health_check_candidates') }}
),

health as (
    select
        account_id,
        score,
        status
    from {{ ref('fct_account_health') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
),

streams as (
    select max(case when reconstructed then 1 else 0 end) = 1 as reconstructed from {{ ref('stg_run__streams') }}
)

select
    {{ published_by() }},
    candidates.{{ adapter.quote('rank') }},
    candidates.target_id,
    candidates.account_id,
    candidates.account_name,
    candidates.contract_id,
    candidates.product,
    candidates.milestone,
    candidates.anchor_date,
    candidates.due_date,
    candidates.window_opens_on,
    candidates.window_closes_on,
    candidates.expires_on,
    candidates.status,
    candidates.days_to_due,
    candidates.in_window,
    candidates.completed_on,
    candidates.completed_by,
    candidates.completing_activity_id,
    candidates.near_miss,
    {{ flag_reason('candidates') }} as flag_reason,
    candidates.amount,
    candidates.source_amount,
    candidates.source_currency,
    candidates.owner_name,
    candidates.geo,
    candidates.region,
    candidates.segment,
    streams.reconstructed,
    cast(health.score as decimal(4, 1)) as health_score,
    health.status as health_status
from candidates
cross join run
cross join streams
left join health on candidates.account_id = health.account_id
