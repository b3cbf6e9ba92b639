with
stages as (
    select * from {{ ref('fct_expansion_stages') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    stages.account_id,
    stages.account_name,
    stages.owner_name,
    stages.csm_name,
    stages.ae_name,
    stages.geo,
    stages.region,
    stages.segment,
    stages.type,
    stages.week,
    stages.stage,
    stages.work,
    stages.starts_on,
    stages.due_on,
    stages.{{ adapter.quote('rank') }},
    stages.is_primary,
    stages.priority,
    stages.potential_arr,
    stages.needs_verification,
    stages.verified_by,
    stages.reconstructed
from stages
cross join run
