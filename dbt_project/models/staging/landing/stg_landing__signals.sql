with
used as (
    {{ usable_rows(
        'signals',
        [
            'signal_id',
            'signal_type',
            'observed_on',
            'severity',
            'resolved_on',
            'note'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.signal_id,
    used.account_id,
    used.signal_type,
    used.observed_on,
    coalesce(used.severity, 'minor') as severity,
    case when used.resolved_on <= run.as_of_date then used.resolved_on end as resolved_on,
    used.note
from used
cross join run
where used.observed_on <= run.as_of_date
