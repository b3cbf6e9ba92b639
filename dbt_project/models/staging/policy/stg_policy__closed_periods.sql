select
    industry_key,
    closed_from,
    closed_until,
    opens_on
from {{ read_input(source('policy', 'closed_periods')) }}
