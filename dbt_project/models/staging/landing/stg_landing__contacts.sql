with
used as (
    {{ usable_rows(
        'contacts',
        [
            'contact_id',
            'role',
            'started_on',
            'ended_on'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.contact_id,
    used.account_id,
    used.role,
    used.started_on,
    case when used.ended_on <= run.as_of_date then used.ended_on end as ended_on
from used
cross join run
