with
surveys as (
    select * from {{ ref('int_surveys__judged') }}
    where answer_group is not null
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
    where not is_churned
),

standing as (
    select
        account_id,
        arr
    from {{ ref('int_accounts__standing') }}
),

steps as (
    select * from {{ ref('stg_policy__survey_steps') }}
),

run as (
    select
        as_of_date,
        time_zone
    from {{ ref('stg_run__context') }}
),

settings as (
    select steps_within_days from {{ ref('stg_policy__survey_settings') }}
)

select
    surveys.survey_id,
    steps.step,
    steps.step_rank,
    surveys.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    standing.arr,
    surveys.survey_type,
    surveys.responded_on,
    surveys.score,
    surveys.answer_group,
    steps.title,
    steps.owner_role,
    case steps.owner_role
        when 'csm' then coalesce(accounts.csm_name, accounts.owner_name)
        when 'owner' then accounts.owner_name
        when 'ae' then accounts.ae_name
    end as assigned_to,
    {{ add_hours(day_starts_at(add_days('surveys.responded_on', 1), 'run.time_zone'), 'steps.due_hours') }} as due_at
from surveys
cross join run
cross join settings
inner join accounts on surveys.account_id = accounts.account_id
inner join standing on surveys.account_id = standing.account_id
inner join steps on surveys.answer_group = steps.answer_group
where
    surveys.responded_on >= {{ window_starts_on('run.as_of_date', 'settings.steps_within_days') }}
    and (steps.arr_above is null or standing.arr > steps.arr_above)
