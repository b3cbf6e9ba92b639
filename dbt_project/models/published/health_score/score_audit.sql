with
audit as (
    select * from {{ ref('fct_score_audit') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    audit.account_id,
    cast(audit.score as decimal(5, 1)) as score,
    cast(audit.score_low as decimal(5, 1)) as score_low,
    cast(audit.score_high as decimal(5, 1)) as score_high,
    audit.confidence,
    audit.status,
    audit.tier,
    audit.extraction_ids
from audit
cross join run
