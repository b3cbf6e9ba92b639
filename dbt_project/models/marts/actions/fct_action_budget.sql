with
judged as (
    select * from {{ ref('fct_judged_actions') }}
),

decided as (
    select
        action_id,
        created_on,
        is_held_back
    from {{ ref('fct_decided_actions') }}
),

settings as (
    select
        budget_actions,
        budget_enabled
    from {{ ref('stg_policy__action_settings') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

counted as (
    select
        coalesce(judged.owner, judged.owner_role) as owner,
        max(case when judged.owner is not null then 1 else 0 end) = 1 as is_person,
        cast(count(case when decided.created_on = run.as_of_date or decided.is_held_back then 1 end) as int)
            as new_actions,
        cast(count(case when decided.created_on = run.as_of_date then 1 end) as int) as created_actions,
        cast(count(case when decided.is_held_back then 1 end) as int) as held_back_actions,
        cast(count(case when judged.is_cooling then 1 end) as int) as cooling_actions,
        cast(count(case when judged.mode_before_cap = 4 and not judged.is_cooling then 1 end) as int)
            as suppressed_actions
    from judged
    cross join run
    left join decided on judged.action_id = decided.action_id
    group by coalesce(judged.owner, judged.owner_role)
)

select
    counted.owner,
    counted.is_person,
    case when settings.budget_enabled then settings.budget_actions end as daily_budget,
    counted.new_actions,
    counted.created_actions,
    counted.held_back_actions,
    counted.cooling_actions,
    counted.suppressed_actions
from counted
cross join settings
