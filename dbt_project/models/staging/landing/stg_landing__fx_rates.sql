with
used as (
    {{ usable_rows(
        'fx_rates',
        [
            'currency',
            'valid_from',
            'rate_to_reporting'
        ],
        has_account_reference=false
    ) }}
)

select
    used.currency,
    used.valid_from,
    used.rate_to_reporting
from used
