select
    band,
    from_pct,
    below_pct
from {{ read_input(source('policy', 'backtest_bands')) }}
