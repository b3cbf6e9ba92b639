with
targets as (
    select * from {{ ref('fct_health_check_targets') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
),

streams as (
    select max(case when reconstructed then 1 else 0 end) = 1 as reconstructed from {{ ref('stg_run__streams') }}
)

select
    {{ published_by() }},
    targets.target_id,
    targets.account_id,
    targets.account_name,
    targets.contract_id,
    targets.product,
    targets.milestone,
    targets.anchor_date,
    targets.due_date,
    targets.window_opens_on,
    targets.window_closes_on,
    targets.expires_on,
    targets.status,
    targets.days_to_due,
    targets.in_window,
    targets.completed_on,
    targets.completed_by,
    targets.completing_activity_id,
    targets.near_miss,
    {{ flag_reason('targets') }} as flag_reason,
    targets.amount,
    targets.source_amount,
    targets.source_currency,
    targets.owner_name,
    targets.geo,
    targets.region,
    targets.segment,
    streams.reconstructed
from targets
cross join run
cross join streams
