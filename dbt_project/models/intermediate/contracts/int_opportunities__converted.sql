with
opportunities as (
    select * from {{ ref('stg_landing__opportunities') }}
),

run as (
    select as_of_date, reporting_currency from {{ ref('stg_run__context') }}
)

select
    opportunities.opportunity_id,
    opportunities.account_id,
    opportunities.name as opportunity_name,
    opportunities.type as opportunity_type,
    opportunities.created_on,
    opportunities.close_date,
    {{ in_reporting_currency('opportunities.amount', 'opportunities.currency') }} as amount,
    case
        when opportunities.is_won then 'won'
        when opportunities.is_closed then 'lost'
        else 'open'
    end as outcome
from opportunities
cross join run
{{ rate_join('opportunities', 'currency', 'created_on') }}
