with
activities as (
    select * from {{ ref('stg_landing__activities') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select
        planned_days,
        completed_days
    from {{ ref('stg_policy__action_settings') }}
),

windows as (
    select
        run.as_of_date,
        {{ add_days('run.as_of_date', 'settings.planned_days') }} as planned_until,
        {{ window_starts_on('run.as_of_date', 'settings.completed_days') }} as completed_from
    from run
    cross join settings
),

-- A review that nobody says was held wasn't; anything else that was logged without a status was done.
seen as (
    select
        activities.account_id,
        activities.occurred_on,
        activities.status = 'planned' as is_planned,
        activities.occurred_on <= windows.as_of_date
        and (
            activities.status = 'completed'
            or (activities.status is null and coalesce(activities.type, '') <> 'qbr')
        ) as is_completed
    from activities
    cross join windows
)

select
    seen.account_id,
    cast(
        count(case
            when
                seen.is_planned
                and seen.occurred_on >= windows.as_of_date
                and seen.occurred_on <= windows.planned_until
                then 1
        end) as int
    ) as planned_activities_soon,
    cast(count(case when seen.is_completed and seen.occurred_on >= windows.completed_from then 1 end) as int)
        as completed_activities_recent,
    max(case when seen.is_completed then seen.occurred_on end) as last_completed_on
from seen
cross join windows
group by seen.account_id
