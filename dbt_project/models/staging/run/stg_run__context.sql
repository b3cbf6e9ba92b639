select
    as_of_date,
    policy_version,
    run_id,
    published_at,
    cadence,
    time_zone,
    reporting_currency,
    fiscal_year_start_month,
    automation_level
from {{ read_input(source('run', 'context')) }}
