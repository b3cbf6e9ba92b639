with
used as (
    {{ usable_rows(
        'activities',
        [
            'activity_id',
            'opportunity_id',
            'opportunity_name',
            'owner_name',
            'owner_email',
            'type',
            'subject',
            'occurred_at',
            'has_attachment',
            'revenue',
            'revenue_currency',
            'status',
            'accepted',
            'response_hours',
            'sentiment'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
),

dated as (
    select
        used.*,
        run.as_of_date,
        {{ business_date('used.occurred_at', 'run.time_zone') }} as occurred_on
    from used
    cross join run
)

select
    activity_id,
    account_id,
    opportunity_id,
    opportunity_name,
    owner_name,
    owner_email,
    type,
    subject,
    occurred_at,
    occurred_on,
    coalesce(has_attachment, false) as has_attachment,
    revenue,
    revenue_currency,
    status,
    accepted,
    response_hours,
    sentiment
from dated
where occurred_on <= as_of_date or status = 'planned'
