with
disagreements as (
    select * from {{ ref('fct_status_disagreements') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    disagreements.account_id,
    disagreements.account_name,
    disagreements.owner_name,
    disagreements.csm_name,
    disagreements.geo,
    disagreements.region,
    disagreements.segment,
    cast(disagreements.score as decimal(5, 1)) as score,
    disagreements.status,
    disagreements.csm_status,
    disagreements.call_is,
    disagreements.machine_reason,
    disagreements.csm_reason,
    disagreements.csm_called_by,
    disagreements.csm_called_on,
    disagreements.csm_expires_on
from disagreements
cross join run
