with
used as (
    {{ usable_rows(
        'csm_calls',
        [
            'call_id',
            'status',
            'reason',
            'called_by',
            'called_at',
            'expires_on'
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
        upper(used.status) as called_status,
        {{ business_date('used.called_at', 'run.time_zone') }} as called_on
    from used
    cross join run
)

select
    call_id,
    account_id,
    called_status as status,
    reason,
    called_by,
    called_at,
    called_on,
    case
        when called_status = 'WITHDRAWN' then {{ add_days('called_on', '-1') }}
        else expires_on
    end as expires_on
from dated
where called_on <= as_of_date
