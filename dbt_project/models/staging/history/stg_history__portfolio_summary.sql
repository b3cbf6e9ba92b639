select
    as_of_date,
    section,
    item,
    unit,
    figure
from {{ read_input(source('history', 'portfolio_summary')) }}
