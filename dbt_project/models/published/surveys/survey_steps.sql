with
steps as (
    select * from {{ ref('fct_survey_steps') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    steps.survey_id,
    steps.step,
    steps.step_rank,
    steps.account_id,
    steps.account_name,
    steps.owner_name,
    steps.csm_name,
    steps.geo,
    steps.region,
    steps.segment,
    steps.arr,
    steps.survey_type,
    steps.responded_on,
    steps.score,
    steps.answer_group,
    steps.title,
    steps.owner_role,
    steps.assigned_to,
    steps.due_at
from steps
cross join run
