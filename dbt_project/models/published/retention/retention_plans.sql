with
plans as (
    select * from {{ ref('fct_retention_plans') }}
),

-- A step is due so many days after it was first asked for: its action keeps that day from run to run.
standing as (
    select
        account_id,
        action,
        action_id,
        episode_started_on,
        due_on
    from {{ ref('fct_decided_actions') }}
    where subject_kind = 'plan'
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    plans.account_id,
    plans.account_name,
    plans.owner_name,
    plans.csm_name,
    plans.ae_name,
    plans.geo,
    plans.region,
    plans.segment,
    plans.step,
    plans.{{ adapter.quote('rank') }},
    plans.level,
    plans.phase,
    plans.action,
    plans.purpose,
    plans.owner_role,
    plans.joined_by,
    plans.audience,
    plans.starts_on,
    plans.due_on,
    plans.is_overdue,
    plans.why
    || {{ after_renewal_words('coalesce(standing.due_on, plans.due_on)', 'plans.renewal_date') }} as why,
    plans.requires_review,
    plans.requires_validation,
    plans.review_reason,
    plans.acts_on_probability,
    plans.status,
    plans.final_status,
    plans.final_status_from,
    plans.arr,
    plans.intervention_priority,
    plans.renewal_date,
    plans.days_to_renewal,
    plans.reconstructed,
    standing.action_id,
    coalesce(standing.episode_started_on, run.as_of_date) as standing_since,
    coalesce(standing.due_on, plans.due_on) as standing_due_on,
    coalesce(coalesce(standing.due_on, plans.due_on) > plans.renewal_date, false) as is_after_renewal
from plans
cross join run
left join standing on plans.account_id = standing.account_id and plans.step = standing.action
