with
windows as (
    select * from {{ ref('int_health_checks__windows') }}
),

delivered as (
    select * from {{ ref('int_health_checks__logged') }}
    where is_evidenced and is_held
),

served as (
    select
        windows.target_id,
        delivered.activity_id,
        delivered.owner_name,
        delivered.occurred_on,
        delivered.occurred_on <= windows.window_closes_on as is_in_window,
        row_number() over (
            partition by windows.target_id
            order by delivered.occurred_at, delivered.activity_id
        ) as place
    from windows
    inner join delivered
        on
            windows.account_id = delivered.account_id
            and windows.scope_id = delivered.scope_id
            and delivered.occurred_on >= windows.window_opens_on
            and delivered.occurred_on <= windows.expires_on
)

-- The earliest HC of the span is the completing one either way: any in the window comes before any after it.
select
    target_id,
    activity_id as completing_activity_id,
    owner_name as completed_by,
    occurred_on as completed_on,
    is_in_window
from served
where place = 1
