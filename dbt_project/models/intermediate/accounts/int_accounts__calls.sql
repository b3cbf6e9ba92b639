with
calls as (
    select * from {{ ref('stg_landing__csm_calls') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select call_most_days from {{ ref('stg_policy__score_settings') }}
),

-- A later call takes the place of an earlier one, also after it has expired itself.
latest as (
    select
        calls.account_id,
        calls.status,
        calls.reason,
        calls.called_by,
        calls.called_on,
        least(calls.expires_on, {{ add_days('calls.called_on', 'settings.call_most_days') }}) as expires_on,
        row_number() over (
            partition by calls.account_id
            order by calls.called_at desc nulls last, calls.call_id desc nulls last
        ) as place
    from calls
    cross join settings
)

select
    latest.account_id,
    latest.status,
    latest.reason,
    latest.called_by,
    latest.called_on,
    latest.expires_on
from latest
cross join run
where latest.place = 1 and latest.expires_on >= run.as_of_date
