with
targets as (
    select * from {{ ref('fct_health_check_targets') }}
    where status in ('past_due', 'pending', 'upcoming')
)

select
    targets.*,
    cast(row_number() over (
        order by
            case status when 'past_due' then 1 when 'pending' then 2 else 3 end,
            amount desc nulls last,
            due_date,
            contract_id,
            milestone
    ) as int) as {{ adapter.quote('rank') }}
from targets
