with
calibration as (
    select * from {{ ref('fct_calibration') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    calibration.kind,
    calibration.parameter,
    cast(calibration.parameter_order as int) as parameter_order,
    cast(calibration.horizon_days as int) as horizon_days,
    calibration.from_pct,
    calibration.below_pct,
    calibration.value_now,
    calibration.suggested_value,
    cast(calibration.low as decimal(9, 4)) as low,
    cast(calibration.high as decimal(9, 4)) as high,
    calibration.observed,
    cast(calibration.accounts as bigint) as accounts,
    cast(calibration.churned as bigint) as churned,
    cast(calibration.compared_accounts as bigint) as compared_accounts,
    cast(calibration.compared_churned as bigint) as compared_churned,
    calibration.reason
from calibration
cross join run
