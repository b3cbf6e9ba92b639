with
log as (
    select * from {{ ref('stg_landing__alert_log') }}
),

-- Done once: whoever does a step again changes nothing of when it was done.
firsts as (
    select
        log.alert_id,
        log.step,
        log.acted_by,
        log.acted_at,
        log.to_role,
        row_number() over (
            partition by log.alert_id, log.step order by log.acted_at asc nulls last, log.entry_id asc nulls last
        ) as place
    from log
)

select
    alert_id,
    max(case when step = 'raised' then acted_at end) as raised_at,
    max(case when step = 'acknowledged' then acted_at end) as acknowledged_at,
    max(case when step = 'acknowledged' then acted_by end) as acknowledged_by,
    max(case when step = 'assessed' then acted_at end) as assessed_at,
    max(case when step = 'planned' then acted_at end) as planned_at,
    max(case when step = 'executed' then acted_at end) as executed_at,
    max(case when step = 'followed_up' then acted_at end) as followed_up_at,
    max(case when step = 'escalated' then acted_at end) as escalated_at,
    max(case when step = 'escalated' then to_role end) as escalated_to,
    -- Whoever follows up is done with it, as is whoever closes it.
    min(case when step in ('followed_up', 'closed') then acted_at end) as closed_at
from firsts
where place = 1
group by alert_id
