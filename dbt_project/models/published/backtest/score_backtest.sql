with
backtest as (
    select * from {{ ref('fct_score_backtest') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    backtest.section,
    cast(backtest.horizon_days as int) as horizon_days,
    backtest.predictor,
    backtest.item,
    cast(backtest.item_order as int) as item_order,
    backtest.measure,
    backtest.figure,
    backtest.low,
    backtest.high,
    backtest.unit,
    backtest.accounts,
    backtest.churned,
    backtest.account_id,
    backtest.note
from backtest
cross join run
