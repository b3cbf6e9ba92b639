with
conditions as (
    select * from {{ ref('fct_alert_conditions') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    conditions.alert,
    conditions.account_id,
    conditions.subject,
    conditions.dated_on,
    conditions.value,
    conditions.evidence,
    conditions.true_since,
    conditions.is_new,
    conditions.is_carried
from conditions
cross join run
