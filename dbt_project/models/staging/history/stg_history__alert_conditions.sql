select
    alert,
    account_id,
    subject,
    dated_on,
    value,
    evidence,
    true_since
from {{ read_input(source('history', 'alert_conditions')) }}
