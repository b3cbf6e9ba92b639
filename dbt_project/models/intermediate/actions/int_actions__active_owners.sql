with
activities as (
    select * from {{ ref('stg_landing__activities') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select owner_idle_days from {{ ref('stg_policy__action_settings') }}
)

select distinct activities.owner_name
from activities
cross join run
cross join settings
where
    activities.owner_name is not null
    and coalesce(activities.status, '') <> 'planned'
    and activities.occurred_on <= run.as_of_date
    and activities.occurred_on >= {{ window_starts_on('run.as_of_date', 'settings.owner_idle_days') }}
