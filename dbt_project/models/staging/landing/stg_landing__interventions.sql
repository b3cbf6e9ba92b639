with
used as (
    {{ usable_rows(
        'interventions',
        [
            'intervention_id',
            'strategy',
            'opened_on',
            'closed_on',
            'outcome',
            'root_cause'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.intervention_id,
    used.account_id,
    used.strategy,
    used.opened_on,
    case when used.closed_on <= run.as_of_date then used.closed_on end as closed_on,
    case when used.closed_on > run.as_of_date then 'open' else used.outcome end as outcome,
    used.root_cause
from used
cross join run
where used.opened_on <= run.as_of_date
