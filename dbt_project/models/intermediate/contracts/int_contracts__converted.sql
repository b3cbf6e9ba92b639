with
contracts as (
    select * from {{ ref('stg_landing__contracts') }}
),

run as (
    select as_of_date, reporting_currency from {{ ref('stg_run__context') }}
)

select
    contracts.contract_id,
    contracts.account_id,
    contracts.product,
    contracts.start_date,
    contracts.end_date,
    cast(round(contracts.amount, 2) as decimal(18, 2)) as source_amount,
    coalesce(contracts.currency, run.reporting_currency) as source_currency,
    {{ in_reporting_currency('contracts.amount', 'contracts.currency') }} as amount,
    contracts.auto_renew
from contracts
cross join run
{{ rate_join('contracts', 'currency', 'start_date') }}
