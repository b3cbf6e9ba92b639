with
alerts as (
    select * from {{ ref('fct_alerts') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    alerts.alert_id,
    alerts.alert,
    alerts.alert_rank,
    alerts.title,
    alerts.account_id,
    alerts.account_name,
    alerts.owner_name,
    alerts.csm_name,
    alerts.geo,
    alerts.region,
    alerts.segment,
    alerts.subject,
    alerts.subject_kind,
    alerts.dated_on,
    alerts.value,
    alerts.evidence,
    alerts.state,
    alerts.is_open,
    alerts.is_true,
    alerts.raised_on,
    alerts.raised_at,
    alerts.false_since,
    alerts.cleared_on,
    alerts.closed_at,
    alerts.at_once,
    alerts.to_roles,
    alerts.to_role,
    alerts.to_name,
    alerts.escalates_to,
    alerts.is_escalated,
    alerts.escalated_to,
    alerts.escalated_at,
    alerts.acknowledged_by,
    alerts.acknowledge_due_at,
    alerts.acknowledged_at,
    alerts.acknowledge_breached,
    alerts.assess_due_at,
    alerts.assessed_at,
    alerts.assess_breached,
    alerts.plan_due_at,
    alerts.planned_at,
    alerts.plan_breached,
    alerts.execute_due_at,
    alerts.executed_at,
    alerts.execute_breached,
    alerts.follow_up_due_at,
    alerts.followed_up_at,
    alerts.follow_up_breached,
    alerts.breaches,
    alerts.next_step,
    alerts.next_due_at
from alerts
cross join run
