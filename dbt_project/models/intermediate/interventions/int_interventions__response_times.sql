with
log as (
    select * from {{ ref('stg_landing__alert_log') }}
),

run as (
    select
        time_zone,
        fiscal_year_start_month
    from {{ ref('stg_run__context') }}
),

by_alert as (
    select
        alert_id,
        max(account_id) as account_id,
        min(case when step = 'raised' then acted_at end) as raised_at,
        min(case when step = 'acknowledged' then acted_at end) as acknowledged_at
    from log
    where alert = 'critical_score'
    group by alert_id
),

dated as (
    select
        by_alert.*,
        {{ business_date('by_alert.raised_at', 'run.time_zone') }} as raised_on,
        run.fiscal_year_start_month
    from by_alert
    cross join run
    where by_alert.raised_at is not null
)

select
    alert_id,
    account_id,
    raised_at,
    acknowledged_at,
    {{ fiscal_quarter_number('raised_on', 'fiscal_year_start_month') }} as raised_quarter,
    cast({{ mean_hours(microseconds_between('raised_at', 'acknowledged_at'), 1) }} as decimal(18, 6)) as response_hours
from dated
