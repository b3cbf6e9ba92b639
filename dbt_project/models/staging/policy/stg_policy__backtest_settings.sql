select
    months,
    reconstructed_too,
    score_groups,
    interval_z,
    fitted_horizon_days,
    shrinkage_accounts,
    least_accounts
from {{ read_input(source('policy', 'backtest_settings')) }}
