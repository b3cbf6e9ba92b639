with
actions as (
    select * from {{ ref('fct_recommended_actions') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    actions.action_id,
    actions.account_id,
    actions.account_name,
    actions.owner_name,
    actions.csm_name,
    actions.geo,
    actions.region,
    actions.segment,
    actions.kind,
    actions.action,
    actions.subject,
    actions.subject_kind,
    actions.origin,
    actions.rule,
    actions.title,
    actions.owner_role,
    actions.owner,
    actions.priority,
    actions.sensitivity,
    actions.reaches_customer,
    actions.touches_price,
    actions.belongs_to_plan,
    actions.mode,
    actions.level,
    actions.mode_by_level,
    actions.mode_by_matrix,
    actions.status,
    actions.due_on,
    actions.episode_started_on,
    actions.created_on,
    actions.is_new,
    actions.rationale,
    actions.evidence,
    actions.guards
from actions
cross join run
