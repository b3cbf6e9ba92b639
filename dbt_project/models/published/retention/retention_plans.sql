with
plans as (
    select * from {{ ref('fct_retention_plans') }}
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
    plans.why,
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
    plans.reconstructed
from plans
cross join run
