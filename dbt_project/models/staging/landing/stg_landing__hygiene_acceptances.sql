with
used as (
    {{ usable_rows(
        'hygiene_acceptances',
        [
            'acceptance_id',
            'issue_id',
            'status',
            'reason',
            'accepted_by',
            'accepted_at',
            'accepted_until'
        ],
        has_account_reference=false
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
),

dated as (
    select
        used.*,
        run.as_of_date,
        {{ business_date('used.accepted_at', 'run.time_zone') }} as accepted_on
    from used
    cross join run
)

select
    acceptance_id,
    issue_id,
    status,
    reason,
    accepted_by,
    accepted_at,
    accepted_on,
    accepted_until
from dated
where accepted_on <= as_of_date
