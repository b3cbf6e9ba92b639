with
transitions as (
    select * from {{ ref('int_ledger__transitions') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    transitions.transition_id,
    transitions.action_id,
    transitions.account_id,
    transitions.account_name,
    transitions.owner_name,
    transitions.csm_name,
    transitions.geo,
    transitions.region,
    transitions.segment,
    transitions.action,
    transitions.subject,
    transitions.from_status,
    transitions.to_status,
    transitions.acted_by,
    transitions.acted_at,
    transitions.acted_on,
    transitions.reason,
    transitions.written_score
from transitions
cross join run
