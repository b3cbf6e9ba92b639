with
forecast as (
    select * from {{ ref('fct_renewal_forecast') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    forecast.fiscal_quarter,
    forecast.quarter_starts_on,
    forecast.owner_name,
    forecast.geo,
    forecast.region,
    forecast.segment,
    forecast.accounts,
    forecast.arr_up_for_renewal,
    forecast.expected_churned_arr,
    forecast.expected_retained_arr,
    forecast.at_risk_arr_red,
    forecast.at_risk_arr_yellow,
    forecast.arr_green,
    forecast.arr_without_score,
    forecast.contracts_ended,
    forecast.contracts_renewed,
    forecast.arr_ended,
    forecast.gross_retention_pct,
    forecast.net_retention_pct
from forecast
cross join run
