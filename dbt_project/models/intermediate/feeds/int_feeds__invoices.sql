with
invoices as (
    select * from {{ ref('stg_landing__invoices') }}
),

run as (
    select
        as_of_date,
        reporting_currency
    from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__feed_settings') }}
),

converted as (
    select
        invoices.invoice_id,
        invoices.account_id,
        invoices.issued_on,
        invoices.due_on,
        invoices.paid_on,
        invoices.status,
        {{ in_reporting_currency('invoices.amount', 'invoices.currency') }} as amount,
        invoices.paid_on is not null or coalesce(invoices.status, 'open') = 'paid' as is_paid,
        run.as_of_date
    from invoices
    cross join run
    {{ rate_join('invoices', 'currency', 'issued_on') }}
)

select
    converted.invoice_id,
    converted.account_id,
    converted.issued_on,
    converted.due_on,
    converted.amount,
    case
        when converted.is_paid then null
        when converted.status in ('failed', 'disputed') then converted.status
        when {{ days_between('converted.due_on', 'converted.as_of_date') }} > settings.overdue_after_days then 'overdue'
    end as alert,
    -- Paid without a date: how late isn't known. Early is not late.
    case
        when converted.due_on > converted.as_of_date or (converted.is_paid and converted.paid_on is null) then null
        when converted.is_paid
            then cast(greatest({{ days_between('converted.due_on', 'converted.paid_on') }}, 0) as int)
        else cast({{ days_between('converted.due_on', 'converted.as_of_date') }} as int)
    end as days_late,
    case
        when converted.due_on > converted.as_of_date then null
        when converted.due_on >= {{ window_starts_on('converted.as_of_date', 'settings.trend_days') }} then 'now'
        when converted.due_on >= {{ window_before_starts_on('converted.as_of_date', 'settings.trend_days') }}
            then 'before'
    end as trend_window
from converted
cross join settings
