select status
from {{ read_input(source('policy', 'health_check_not_delivered_statuses')) }}
