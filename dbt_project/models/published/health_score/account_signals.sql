with
signals as (
    select * from {{ ref('fct_account_signals') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    signals.account_id,
    signals.account_name,
    signals.owner_name,
    signals.csm_name,
    signals.geo,
    signals.region,
    signals.segment,
    signals.lifecycle,
    cast(signals.score as decimal(5, 1)) as score,
    signals.status,
    signals.tier,
    signals.final_status,
    signals.confidence,
    cast(signals.change_week as decimal(5, 1)) as change_week,
    cast(signals.change_month as decimal(5, 1)) as change_month,
    cast(signals.arr as decimal(18, 2)) as arr,
    cast(signals.days_to_renewal as int) as days_to_renewal,
    cast(signals.ticket_volume as decimal(24, 6)) as ticket_volume,
    cast(signals.escalation_rate as decimal(24, 6)) as escalation_rate,
    cast(signals.resolution_hours as decimal(24, 6)) as resolution_hours,
    cast(signals.sla_adherence as decimal(24, 6)) as sla_adherence,
    cast(signals.csat as decimal(24, 6)) as csat,
    cast(signals.qbr_attendance as decimal(24, 6)) as qbr_attendance,
    cast(signals.email_response_hours as decimal(24, 6)) as email_response_hours,
    cast(signals.portal_logins as decimal(24, 6)) as portal_logins,
    cast(signals.meeting_acceptance as decimal(24, 6)) as meeting_acceptance,
    cast(signals.capacity_utilisation as decimal(24, 6)) as capacity_utilisation,
    cast(signals.uptime_vs_sla as decimal(24, 6)) as uptime_vs_sla,
    cast(signals.service_adoption as decimal(24, 6)) as service_adoption,
    cast(signals.usage_trend as decimal(24, 6)) as usage_trend,
    cast(signals.tenure_years as decimal(24, 6)) as tenure_years,
    cast(signals.expansions as decimal(24, 6)) as expansions,
    cast(signals.reference as decimal(24, 6)) as reference,
    cast(signals.nps as decimal(24, 6)) as nps,
    cast(signals.tone as decimal(24, 6)) as tone,
    cast(signals.escalations as decimal(24, 6)) as escalations,
    cast(signals.competitive as decimal(24, 6)) as competitive,
    cast(signals.budget_pressure as decimal(24, 6)) as budget_pressure,
    cast(signals.tickets_open as int) as tickets_open,
    cast(signals.urgent_tickets_open as int) as urgent_tickets_open,
    cast(signals.open_major_blockers as int) as open_major_blockers,
    cast(signals.open_minor_blockers as int) as open_minor_blockers,
    signals.has_leadership_change,
    signals.has_budget_pressure,
    signals.has_competitive_inquiry,
    signals.has_recent_outage,
    signals.has_engagement_decline,
    cast(signals.churn_probability as decimal(5, 2)) as churn_probability
from signals
cross join run
