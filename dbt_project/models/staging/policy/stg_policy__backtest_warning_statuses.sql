select status
from {{ read_input(source('policy', 'backtest_warning_statuses')) }}
