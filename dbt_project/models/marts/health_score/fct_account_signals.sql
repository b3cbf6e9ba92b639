{{ config(materialized='view') }}

with
health as (
    select * from {{ ref('fct_account_health') }}
),

measured as (
    select * from {{ ref('int_health_score__values') }}
),

factors as (
    select * from {{ ref('int_churn__factors') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

tickets as (
    select * from {{ ref('int_tickets__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

known as (
    {{ streams_known(['tickets', 'signals']) }}
)

select
    health.account_id,
    health.account_name,
    health.owner_name,
    health.csm_name,
    health.geo,
    health.region,
    health.segment,
    health.lifecycle,
    health.score,
    health.status,
    health.tier,
    health.final_status,
    health.confidence,
    health.change_week,
    health.change_month,
    health.arr,
    health.days_to_renewal,
    {%- for measure in score_measure_names() %}
        measured.{{ measure }},
    {%- endfor %}
    case when known.tickets_known then coalesce(tickets.tickets_open, 0) end as tickets_open,
    case when known.tickets_known then coalesce(tickets.urgent_tickets_open, 0) end as urgent_tickets_open,
    case when known.signals_known then coalesce(signals.open_major_blockers, 0) end as open_major_blockers,
    case when known.signals_known then coalesce(signals.open_minor_blockers, 0) end as open_minor_blockers,
    {%- for factor in churn_factor_names() %}
        factors.{{ factor }} as has_{{ factor }},
    {%- endfor %}
    churn.churn_probability
from health
cross join known
inner join measured on health.account_id = measured.account_id
inner join factors on health.account_id = factors.account_id
left join churn on health.account_id = churn.account_id
left join tickets on health.account_id = tickets.account_id
left join signals on health.account_id = signals.account_id
