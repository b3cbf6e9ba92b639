with
used as (
    {{ usable_rows(
        'alert_log',
        [
            'entry_id',
            'alert_id',
            'alert',
            'step',
            'acted_by',
            'acted_at',
            'to_role',
            'note'
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
    entry_id,
    alert_id,
    account_id,
    alert,
    step,
    acted_by,
    acted_at,
    acted_on,
    to_role,
    note
from dated
-- Strictly before as_of's day, so that running it again later that day gives the same rows.
where acted_on < as_of_date
