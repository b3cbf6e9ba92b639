with
transitions as (
    select * from {{ ref('stg_landing__action_log') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
)

select
    transitions.transition_id,
    transitions.action_id,
    transitions.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    transitions.action,
    transitions.subject,
    transitions.from_status,
    transitions.to_status,
    transitions.acted_by,
    transitions.acted_at,
    transitions.acted_on,
    transitions.reason,
    cast(transitions.written_score as decimal(4, 1)) as written_score
from transitions
inner join accounts on transitions.account_id = accounts.account_id
