with
influence as (
    select * from {{ ref('fct_health_check_influence') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    influence.influence_id,
    influence.opportunity_id,
    influence.activity_id,
    influence.account_id,
    influence.opportunity_name,
    influence.opportunity_type,
    influence.created_on,
    influence.delivered_on,
    influence.delivered_by,
    cast(influence.credit_last_touch as decimal(9, 6)) as credit_last_touch,
    cast({{ divide_exact(1, 'influence.health_checks', places=6, input_places=0) }} as decimal(9, 6)) as credit_linear,
    influence.amount,
    influence.outcome
from influence
cross join run
