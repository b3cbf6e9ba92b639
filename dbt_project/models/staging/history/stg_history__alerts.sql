select
    alert_id,
    alert,
    account_id,
    subject,
    dated_on,
    value,
    evidence,
    raised_on,
    false_since,
    cleared_on
from {{ read_input(source('history', 'alerts')) }}
