select
    as_of_date,
    policy_version,
    account_id,
    score,
    status,
    tier,
    final_status
from {{ read_input(source('history', 'account_health')) }}
