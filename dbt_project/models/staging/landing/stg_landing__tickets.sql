with
used as (
    {{ usable_rows(
        'tickets',
        [
            'ticket_id',
            'created_at',
            'solved_at',
            'priority',
            'is_incident',
            'escalated',
            'sla_met',
            'csat',
            'sentiment',
            'topic'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
),

dated as (
    select
        used.*,
        run.as_of_date,
        {{ business_date('used.created_at', 'run.time_zone') }} as created_on,
        {{ business_date('used.solved_at', 'run.time_zone') }} as solved_on
    from used
    cross join run
)

select
    ticket_id,
    account_id,
    created_at,
    created_on,
    case when solved_on <= as_of_date then solved_at end as solved_at,
    case when solved_on <= as_of_date then solved_on end as solved_on,
    priority,
    coalesce(is_incident, false) as is_incident,
    coalesce(escalated, false) as escalated,
    sla_met,
    csat,
    sentiment,
    topic
from dated
where created_on <= as_of_date
