with
kinds as (
    select * from {{ ref('stg_policy__alert_kinds') }}
),

conditions as (
    select
        alert,
        count(*) as conditions
    from {{ ref('fct_alert_conditions') }}
    group by alert
),

alerts as (
    select * from {{ ref('fct_alerts') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

known as (
    {{ streams_known(['usage', 'invoices', 'tickets', 'survey_responses']) }}
),

counted as (
    select
        alerts.alert,
        count(case when alerts.raised_on = run.as_of_date then 1 end) as raised_today,
        count(case when alerts.is_open then 1 end) as open_alerts,
        count(case when alerts.is_open and alerts.acknowledged_at is null then 1 end) as unacknowledged,
        count(case when alerts.is_open and alerts.breaches > 0 then 1 end) as breached,
        count(case when alerts.is_open and alerts.is_escalated then 1 end) as escalated
    from alerts
    cross join run
    group by alerts.alert
)

select
    kinds.alert,
    kinds.alert_rank,
    kinds.title,
    kinds.to_roles,
    case kinds.alert
        when 'inactive' then known.usage_known
        when 'billing' then known.invoices_known
        when 'urgent_ticket' then known.tickets_known
        when 'detractor' then known.survey_responses_known
        else true
    end as is_known,
    cast(coalesce(conditions.conditions, 0) as int) as conditions,
    cast(coalesce(counted.raised_today, 0) as int) as raised_today,
    cast(coalesce(counted.open_alerts, 0) as int) as open_alerts,
    cast(coalesce(counted.unacknowledged, 0) as int) as unacknowledged,
    cast(coalesce(counted.breached, 0) as int) as breached,
    cast(coalesce(counted.escalated, 0) as int) as escalated
from kinds
cross join known
left join conditions on kinds.alert = conditions.alert
left join counted on kinds.alert = counted.alert
