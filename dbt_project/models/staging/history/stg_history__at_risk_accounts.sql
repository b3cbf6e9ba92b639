select
    account_id,
    at_risk_since
from {{ read_input(source('history', 'at_risk_accounts')) }}
