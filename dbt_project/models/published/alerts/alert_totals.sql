with
totals as (
    select * from {{ ref('fct_alert_totals') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    totals.alert,
    totals.alert_rank,
    totals.title,
    totals.to_roles,
    totals.is_known,
    totals.conditions,
    totals.raised_today,
    totals.open_alerts,
    totals.unacknowledged,
    totals.breached,
    totals.escalated
from totals
cross join run
