with
used as (
    {{ usable_rows(
        'action_log',
        [
            'transition_id',
            'action_id',
            'action',
            'subject',
            'from_status',
            'to_status',
            'acted_by',
            'acted_at',
            'reason',
            'written_score'
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
        {{ business_date('used.acted_at', 'run.time_zone') }} as acted_on
    from used
    cross join run
)

select
    transition_id,
    action_id,
    account_id,
    action,
    subject,
    from_status,
    to_status,
    acted_by,
    acted_at,
    acted_on,
    reason,
    written_score
from dated
-- Strictly before as_of's day, so that running it again later that day gives the same rows.
where acted_on < as_of_date
