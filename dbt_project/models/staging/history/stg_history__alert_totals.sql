select
    as_of_date,
    alert
from {{ read_input(source('history', 'alert_totals')) }}
