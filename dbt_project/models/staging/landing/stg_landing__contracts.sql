with
used as (
    {{ usable_rows(
        'contracts',
        [
            'contract_id',
            'product',
            'start_date',
            'end_date',
            'amount',
            'currency',
            'auto_renew'
        ]
    ) }}
)

select
    used.contract_id,
    used.account_id,
    used.product,
    used.start_date,
    used.end_date,
    used.amount,
    used.currency,
    coalesce(used.auto_renew, false) as auto_renew
from used
