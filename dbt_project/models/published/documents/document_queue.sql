with
queue as (
    select * from {{ ref('fct_document_queue') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    queue.document_id,
    queue.kind,
    queue.account_id,
    queue.account_name,
    queue.target_id,
    queue.contract_id,
    queue.product,
    queue.milestone,
    queue.due_on,
    queue.prepare_from,
    queue.path,
    queue.status,
    queue.needs_person_reason,
    queue.{{ adapter.quote('rank') }},
    queue.confidence,
    queue.health_data_enrolled,
    queue.owner_name,
    queue.csm_name,
    queue.geo,
    queue.region,
    queue.segment
from queue
cross join run
