with
scored as (
    select * from {{ ref('int_health_score__values') }}
),

standing as (
    select
        account_id,
        days_to_renewal
    from {{ ref('int_accounts__standing') }}
),

tickets as (
    select
        account_id,
        tickets_open
    from {{ ref('int_tickets__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

known as (
    {{ streams_known(['tickets', 'signals']) }}
),

bands as (
    select * from {{ ref('stg_policy__baseline_bands') }}
),

labels as (
    select * from {{ ref('stg_policy__baseline_labels') }}
),

wide as (
    select
        scored.account_id,
        cast(standing.days_to_renewal as decimal(24, 6)) as days_to_renewal,
        scored.usage_trend,
        scored.service_adoption,
        cast(case when known.tickets_known then coalesce(tickets.tickets_open, 0) end as decimal(24, 6))
            as tickets_open,
        scored.csat,
        cast(
            case
                when not known.signals_known then null
                when signals.open_major_blockers > 0 then 2
                when signals.open_minor_blockers > 0 then 1
                else 0
            end as decimal(24, 6)
        ) as blocker
    from scored
    inner join standing on scored.account_id = standing.account_id
    cross join known
    left join tickets on scored.account_id = tickets.account_id
    left join signals on scored.account_id = signals.account_id
),

listed as (
    {%- for field in baseline_field_names() %}
        select
            account_id,
            '{{ field }}' as field,
            {{ field }} as value
        from wide
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- A field that isn't known adds no risk.
pointed as (
    select
        listed.account_id,
        listed.field,
        listed.value,
        coalesce(bands.points, 0) as points
    from listed
    left join bands
        on listed.field = bands.field and listed.value >= bands.value_from and listed.value <= bands.value_to
),

summed as (
    select
        account_id,
        cast(sum(points) as int) as baseline_points,
    {%- for field in baseline_field_names() %}
        cast(max(case when field = '{{ field }}' then value end) as decimal(24, 6)) as {{ field }},
        cast(max(case when field = '{{ field }}' then points end) as int)
            as {{ field }}_points{{ "," if not loop.last }}
    {%- endfor %}
    from pointed
    group by account_id
)

select
    summed.*,
    labels.label as baseline_label
from summed
inner join labels
    on summed.baseline_points >= labels.points_from and summed.baseline_points <= labels.points_to
