with
decisions as (
    select * from {{ ref('fct_executive_decisions') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    decisions.account_id,
    decisions.account_name,
    decisions.owner_name,
    decisions.csm_name,
    decisions.ae_name,
    decisions.geo,
    decisions.region,
    decisions.segment,
    decisions.decision,
    decisions.{{ adapter.quote('rank') }},
    decisions.title,
    decisions.decision_maker,
    decisions.urgency,
    decisions.due_on,
    decisions.why,
    decisions.status,
    decisions.final_status,
    decisions.final_status_from,
    decisions.acts_on_probability,
    decisions.arr,
    decisions.expected_loss,
    decisions.intervention_priority,
    decisions.days_to_renewal,
    decisions.reconstructed
from decisions
cross join run
