{%- set said = ['status', 'renewal'] + churn_factor_names() -%}
with
outcomes as (
    select * from {{ ref('int_backtest__outcomes') }}
)

select
    horizon_days,
    {{ said | join(',\n    ') }},
    outcome,
    count(*) as accounts
from outcomes
group by
    horizon_days,
    {{ said | join(',\n    ') }},
    outcome
