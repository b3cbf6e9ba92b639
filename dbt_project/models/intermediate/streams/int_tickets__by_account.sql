with
tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

score as (
    select * from {{ ref('stg_policy__score_settings') }}
),

retention as (
    select incidents_days from {{ ref('stg_policy__retention_settings') }}
),

expansion as (
    select tickets_days from {{ ref('stg_policy__expansion_settings') }}
),

actions as (
    select
        ticket_open_days,
        incidents_days
    from {{ ref('stg_policy__action_settings') }}
),

windows as (
    select
        {{ window_starts_on('run.as_of_date', 'score.ticket_volume_days') }} as ticket_volume_from,
        {{ window_starts_on('run.as_of_date', 'score.escalation_rate_days') }} as escalation_rate_from,
        {{ window_starts_on('run.as_of_date', 'score.resolution_hours_days') }} as resolution_hours_from,
        {{ window_starts_on('run.as_of_date', 'score.sla_adherence_days') }} as sla_adherence_from,
        {{ window_starts_on('run.as_of_date', 'score.csat_days') }} as csat_from,
        {{ window_starts_on('run.as_of_date', 'score.escalations_days') }} as escalations_from,
        {{ window_starts_on('run.as_of_date', 'retention.incidents_days') }} as incidents_from,
        {{ window_starts_on('run.as_of_date', 'expansion.tickets_days') }} as expansion_from,
        {{ add_days('run.as_of_date', '-actions.ticket_open_days') }} as waiting_since,
        {{ window_starts_on('run.as_of_date', 'actions.incidents_days') }} as recent_incidents_from
    from run
    cross join score
    cross join retention
    cross join expansion
    cross join actions
),

-- A ticket solved before it was made is solved, but says nothing about how long that took.
timed as (
    select
        tickets.*,
        case
            when tickets.solved_at >= tickets.created_at
                then cast({{ microseconds_between('tickets.created_at', 'tickets.solved_at') }} as decimal(20, 0))
        end as resolution_microseconds,
        tickets.priority = 'urgent' and tickets.is_incident as is_urgent_incident
    from tickets
)

select
    timed.account_id,
    cast(count(case when timed.created_on >= windows.ticket_volume_from then 1 end) as int) as ticket_volume_tickets,
    cast(count(case when timed.created_on >= windows.escalation_rate_from then 1 end) as int)
        as escalation_rate_tickets,
    cast(count(case when timed.created_on >= windows.escalation_rate_from and timed.escalated then 1 end) as int)
        as escalation_rate_escalated,
    cast(
        count(case when timed.solved_on >= windows.resolution_hours_from then timed.resolution_microseconds end) as int
    ) as resolution_hours_tickets,
    cast(
        sum(case when timed.solved_on >= windows.resolution_hours_from then timed.resolution_microseconds end)
        as decimal(28, 0)
    ) as resolution_microseconds,
    cast(count(case when timed.created_on >= windows.sla_adherence_from then timed.sla_met end) as int)
        as sla_adherence_tickets,
    cast(count(case when timed.created_on >= windows.sla_adherence_from and timed.sla_met then 1 end) as int)
        as sla_adherence_met,
    cast(count(case when timed.created_on >= windows.csat_from then timed.csat end) as int) as csat_tickets,
    cast(sum(case when timed.created_on >= windows.csat_from then timed.csat end) as decimal(26, 6)) as csat_sum,
    cast(count(case when timed.created_on >= windows.escalations_from and timed.escalated then 1 end) as int)
        as escalations_tickets,
    cast(count(case when timed.solved_at is null then 1 end) as int) as tickets_open,
    cast(count(case when timed.solved_at is null and timed.priority = 'urgent' then 1 end) as int)
        as urgent_tickets_open,
    cast(count(case when timed.created_on >= windows.incidents_from and timed.is_urgent_incident then 1 end) as int)
        as offer_urgent_incidents,
    cast(count(case when timed.created_on >= windows.expansion_from then 1 end) as int) as expansion_tickets,
    cast(
        count(case
            when
                timed.solved_at is null
                and timed.priority in ('urgent', 'high')
                and timed.created_on < windows.waiting_since
                then 1
        end) as int
    ) as urgent_or_high_tickets_waiting,
    cast(count(case when timed.created_on >= windows.recent_incidents_from and timed.is_incident then 1 end) as int)
        as recent_incidents
from timed
cross join windows
group by timed.account_id
