with
summary as (
    select * from {{ ref('fct_portfolio_summary') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    summary.section,
    summary.item,
    summary.unit,
    summary.{{ adapter.quote('rank') }},
    summary.account_id,
    summary.figure,
    summary.previous_figure,
    summary.previous_on,
    summary.change,
    summary.arrow,
    summary.text
from summary
cross join run
