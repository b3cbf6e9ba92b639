with
used as (
    {{ usable_rows(
        'opportunities',
        [
            'opportunity_id',
            'name',
            'type',
            'stage',
            'amount',
            'currency',
            'created_on',
            'close_date',
            'is_closed',
            'is_won',
            'contract_end_date',
            'competitor'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.opportunity_id,
    used.account_id,
    used.name,
    used.type,
    used.stage,
    used.amount,
    used.currency,
    used.created_on,
    used.close_date,
    coalesce(used.is_closed and (used.close_date is null or used.close_date <= run.as_of_date), false) as is_closed,
    coalesce(used.is_won and (used.close_date is null or used.close_date <= run.as_of_date), false) as is_won,
    used.contract_end_date,
    used.competitor
from used
cross join run
where used.created_on <= run.as_of_date
