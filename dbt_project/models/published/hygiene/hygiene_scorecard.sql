with
scorecard as (
    select * from {{ ref('fct_hygiene_scorecard') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    scorecard.owner as owner_name,
    scorecard.geography as geo,
    scorecard.rule,
    cast(scorecard.open_issues as int) as open_issues,
    cast(scorecard.cleared_issues as int) as cleared_issues,
    cast(scorecard.accepted_issues as int) as accepted_issues,
    scorecard.median_days_to_clear,
    cast(scorecard.change_in_open as int) as change_in_open,
    scorecard.trend
from scorecard
cross join run
