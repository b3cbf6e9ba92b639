{%- set said = [
    'score', 'status', 'churn_probability', 'churn_probability_calibrated', 'renewal'
] + churn_factor_names() -%}
with
counted as (
    select
        horizon_days,
        {{ said | join(',\n        ') }},
        outcome,
        count(*) as accounts
    from {{ ref('int_backtest__outcomes') }}
    group by
        horizon_days,
        {{ said | join(',\n        ') }},
        outcome
)

select
    {{ text_key(['horizon_days', 'outcome'] + said) }} as profile_id,
    horizon_days,
    {{ said | join(',\n    ') }},
    outcome,
    accounts
from counted
