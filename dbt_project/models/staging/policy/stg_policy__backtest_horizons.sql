select horizon_days
from {{ read_input(source('policy', 'backtest_horizons')) }}
