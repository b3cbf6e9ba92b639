{{ config(materialized='view') }}

with
churn as (
    select * from {{ ref('fct_account_churn') }}
),

measures as (
    select
        account_id,
        qbr_attendance
    from {{ ref('int_health_score__values') }}
),

tickets as (
    select
        account_id,
        urgent_tickets_open
    from {{ ref('int_tickets__by_account') }}
),

known as (
    {{ streams_known(['tickets']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__retention_settings') }}
),

at_risk as (
    select
        churn.*,
        cast(churn.score as decimal(18, 6)) as score_now,
        cast(measures.qbr_attendance as decimal(18, 6)) as qbr_attendance,
        cast(case when known.tickets_known then coalesce(tickets.urgent_tickets_open, 0) end as decimal(18, 6))
            as urgent_tickets_open
    from churn
    cross join known
    cross join settings
    inner join measures on churn.account_id = measures.account_id
    left join tickets on churn.account_id = tickets.account_id
    where churn.acts_on_probability > settings.medium_above
),

metrics as (
    select
        at_risk.account_id,
        'score_first' as metric,
        1 as metric_rank,
        'Score ' || {{ days_words('settings.target_30_days') }} || ' on' as title,
        'points' as unit,
        at_risk.score_now as value_now,
        cast(least(at_risk.score_now + settings.target_30_points, 100) as decimal(18, 6)) as target,
        {{ add_days('run.as_of_date', 'settings.target_30_days') }} as due_on
    from at_risk
    cross join settings
    cross join run
    union all
    select
        at_risk.account_id,
        'score_second' as metric,
        2 as metric_rank,
        'Score ' || {{ days_words('settings.target_60_days') }} || ' on' as title,
        'points' as unit,
        at_risk.score_now as value_now,
        cast(least(at_risk.score_now + settings.target_60_points, 100) as decimal(18, 6)) as target,
        {{ add_days('run.as_of_date', 'settings.target_60_days') }} as due_on
    from at_risk
    cross join settings
    cross join run
    union all
    select
        at_risk.account_id,
        'score_at_renewal' as metric,
        3 as metric_rank,
        'Score at renewal' as title,
        'points' as unit,
        at_risk.score_now as value_now,
        cast(settings.renewal_score as decimal(18, 6)) as target,
        at_risk.renewal_date as due_on
    from at_risk
    cross join settings
    where at_risk.renewal_date is not null
    union all
    select
        at_risk.account_id,
        'qbr_attendance' as metric,
        4 as metric_rank,
        'QBR attendance' as title,
        '%' as unit,
        at_risk.qbr_attendance as value_now,
        cast(settings.qbr_target as decimal(18, 6)) as target,
        cast(null as date) as due_on
    from at_risk
    cross join settings
    union all
    select
        at_risk.account_id,
        'urgent_tickets_open' as metric,
        5 as metric_rank,
        'Open urgent tickets' as title,
        'tickets' as unit,
        at_risk.urgent_tickets_open as value_now,
        cast(settings.urgent_target as decimal(18, 6)) as target,
        cast(null as date) as due_on
    from at_risk
    cross join settings
    union all
    select
        at_risk.account_id,
        'contract_renewed' as metric,
        6 as metric_rank,
        'Contract renewed by its date' as title,
        'yes (1) or no (0)' as unit,
        cast(0 as decimal(18, 6)) as value_now,
        cast(1 as decimal(18, 6)) as target,
        at_risk.renewal_date as due_on
    from at_risk
    where at_risk.renewal_date is not null
)

select
    metrics.account_id,
    at_risk.account_name,
    at_risk.owner_name,
    at_risk.csm_name,
    at_risk.ae_name,
    at_risk.geo,
    at_risk.region,
    at_risk.segment,
    metrics.metric,
    cast(metrics.metric_rank as int) as metric_rank,
    metrics.title,
    metrics.unit,
    metrics.value_now,
    metrics.target,
    metrics.due_on,
    at_risk.acts_on_probability,
    at_risk.reconstructed
from metrics
inner join at_risk on metrics.account_id = at_risk.account_id
