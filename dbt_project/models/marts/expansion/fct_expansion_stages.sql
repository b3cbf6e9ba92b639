with
pipeline as (
    select * from {{ ref('fct_expansion_pipeline') }}
    where qualified
),

stages as (
    select * from {{ ref('stg_policy__expansion_stages') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
)

select
    pipeline.account_id,
    pipeline.account_name,
    pipeline.owner_name,
    pipeline.csm_name,
    pipeline.ae_name,
    pipeline.geo,
    pipeline.region,
    pipeline.segment,
    pipeline.type,
    cast(stages.week as int) as week,
    stages.stage,
    stages.work,
    {{ add_days('run.as_of_date', '7 * (stages.week - 1)') }} as starts_on,
    {{ add_days('run.as_of_date', '7 * stages.week') }} as due_on,
    pipeline.{{ adapter.quote('rank') }},
    pipeline.is_primary,
    pipeline.priority,
    pipeline.potential_arr,
    pipeline.needs_verification,
    pipeline.verified_by,
    pipeline.reconstructed,
    pipeline.justification,
    stages.reaches_customer,
    stages.touches_price
from pipeline
cross join stages
cross join run
