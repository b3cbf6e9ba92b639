with
used as (
    {{ usable_rows(
        'invoices',
        [
            'invoice_id',
            'issued_on',
            'due_on',
            'paid_on',
            'amount',
            'currency',
            'status'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.invoice_id,
    used.account_id,
    used.issued_on,
    used.due_on,
    case when used.paid_on <= run.as_of_date then used.paid_on end as paid_on,
    used.amount,
    used.currency,
    case when used.paid_on > run.as_of_date then 'open' else used.status end as status
from used
cross join run
where used.issued_on <= run.as_of_date
