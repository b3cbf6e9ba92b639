with
queue as (
    select * from {{ ref('fct_survey_queue') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    queue.account_id,
    queue.account_name,
    queue.owner_name,
    queue.csm_name,
    queue.geo,
    queue.region,
    queue.segment,
    queue.kind,
    queue.survey_type,
    queue.subject,
    queue.due_on,
    queue.sent_on,
    queue.reason,
    queue.held_back
from queue
cross join run
