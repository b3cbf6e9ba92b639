with
rates as (
    select * from {{ ref('stg_landing__fx_rates') }}
)

select
    currency,
    rate_to_reporting,
    valid_from,
    lead(valid_from) over (partition by currency order by valid_from) as valid_before
from rates
