with
used as (
    {{ usable_rows(
        'usage',
        [
            'usage_date',
            'active_users',
            'seats',
            'logins',
            'capacity_used_pct',
            'uptime_pct',
            'services_used',
            'services_contracted'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.account_id,
    used.usage_date,
    used.active_users,
    used.seats,
    used.logins,
    used.capacity_used_pct,
    used.uptime_pct,
    used.services_used,
    used.services_contracted
from used
cross join run
where used.usage_date <= run.as_of_date
