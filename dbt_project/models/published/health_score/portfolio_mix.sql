with
mix as (
    select * from {{ ref('fct_portfolio_mix') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    mix.kind,
    mix.value,
    cast(mix.accounts as int) as accounts,
    cast(mix.arr as decimal(18, 2)) as arr,
    cast(mix.share_pct as decimal(5, 1)) as share_pct,
    cast(mix.week_ago_pct as decimal(5, 1)) as week_ago_pct,
    cast(mix.change_points as decimal(5, 1)) as change_points,
    mix.is_large_move
from mix
cross join run
