with
accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
),

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

changes as (
    select * from {{ ref('int_health_score__changes') }}
),

cutoffs as (
    select * from {{ ref('stg_policy__score_cutoffs') }}
),

tickets as (
    select * from {{ ref('int_tickets__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

contacts_made as (
    select * from {{ ref('int_actions__contacts_made') }}
),

active_owners as (
    select * from {{ ref('int_actions__active_owners') }}
),

written as (
    select * from {{ ref('int_actions__written_scores') }}
),

alerts as (
    select
        account_id,
        cast(count(*) as int) as alerts_open
    from {{ ref('fct_alerts') }}
    where is_open
    group by account_id
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

known as (
    {{ streams_known(['tickets', 'signals', 'usage']) }}
),

-- Days without a row say that nobody was there only while others report.
reporting as (
    select coalesce(max(case when recent_rows > 0 then 1 else 0 end), 0) = 1 as is_reported
    from usage
)

select
    accounts.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    accounts.lifecycle,
    health.score,
    health.status,
    health.tier,
    health.final_status,
    health.confidence,
    health.change_week,
    health.change_month,
    standing.arr,
    standing.days_to_renewal,
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
    churn.churn_probability,
    standing.segment_key,
    accounts.ae_name,
    accounts.is_churned,
    standing.is_scored,
    churn.acts_on_probability,
    changes.before_status as status_before,
    changes.before_tier as tier_before,
    changes.before_final_status as final_status_before,
    case
        when changes.before_final_status = 'GREEN' then health.final_status in ('YELLOW', 'RED')
        when changes.before_final_status = 'YELLOW' then health.final_status = 'RED'
        when changes.before_final_status = 'RED' and health.final_status is not null then false
    end as final_status_fell,
    written.written_score as last_written_score,
    {{ status_of('written.written_score', 'cutoffs') }} as written_status,
    {{ tier_of('written.written_score', 'cutoffs') }} as written_tier,
    coalesce(contacts_made.planned_activities_soon, 0) as planned_activities_soon,
    coalesce(contacts_made.completed_activities_recent, 0) as completed_activities_recent,
    {{ days_between('contacts_made.last_completed_on', 'run.as_of_date') }} as days_since_completed_activity,
    case when known.tickets_known then coalesce(tickets.urgent_or_high_tickets_waiting, 0) end
        as urgent_or_high_tickets_waiting,
    case when known.tickets_known then coalesce(tickets.recent_incidents, 0) end as incidents_recent,
    case
        when not known.usage_known then null
        when coalesce(usage.recent_rows, 0) > 0 then usage.recent_logins
        when reporting.is_reported then 0
    end as logins_recent,
    case when accounts.owner_name is not null then active_owners.owner_name is null end as owner_is_idle,
    coalesce(alerts.alerts_open, 0) as alerts_open,
    case when known.signals_known then coalesce(signals.open_executive_complaints, 0) > 0 end
        as has_open_executive_complaint
from accounts
cross join known
cross join run
cross join reporting
inner join standing on accounts.account_id = standing.account_id
inner join cutoffs on standing.segment_key = cutoffs.segment_key
left join health on accounts.account_id = health.account_id
left join measured on accounts.account_id = measured.account_id
left join factors on accounts.account_id = factors.account_id
left join churn on accounts.account_id = churn.account_id
left join changes on accounts.account_id = changes.account_id
left join tickets on accounts.account_id = tickets.account_id
left join signals on accounts.account_id = signals.account_id
left join usage on accounts.account_id = usage.account_id
left join contacts_made on accounts.account_id = contacts_made.account_id
left join active_owners on accounts.owner_name = active_owners.owner_name
left join written on accounts.account_id = written.account_id
left join alerts on accounts.account_id = alerts.account_id
