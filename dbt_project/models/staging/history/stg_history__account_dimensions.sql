select
    as_of_date,
    account_id,
    support_quality,
    engagement,
    product_usage,
    relationship,
    sentiment
from {{ read_input(source('history', 'account_dimensions')) }}
