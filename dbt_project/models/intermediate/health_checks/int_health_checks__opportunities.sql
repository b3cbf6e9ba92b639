with
opportunities as (
    select * from {{ ref('int_opportunities__converted') }}
),

opportunities_stream as (
    select is_present from {{ ref('stg_run__streams') }}
    where stream = 'opportunities'
),

run as (
    select as_of_date, reporting_currency from {{ ref('stg_run__context') }}
),

-- Rule sets may each take the same activity for a health check; the opportunity it names is one.
naming as (
    select distinct
        activity_id,
        account_id,
        coalesce(
            opportunity_id, {{ text_key(['account_id', lower_text(trim_spaces('opportunity_name'))]) }}
        ) as opportunity_id,
        coalesce(opportunity_name, opportunity_id) as opportunity_name,
        occurred_at,
        occurred_on,
        revenue,
        revenue_currency
    from {{ ref('int_health_checks__logged') }}
    where
        is_evidenced and is_held
        and (opportunity_id is not null or opportunity_name is not null)
),

converted as (
    select
        naming.*,
        {{ in_reporting_currency('naming.revenue', 'naming.revenue_currency') }} as amount
    from naming
    cross join run
    {{ rate_join('naming', 'revenue_currency', 'occurred_on') }}
),

latest as (
    select
        *,
        row_number() over (
            partition by opportunity_id
            order by case when amount is null then 1 else 0 end, occurred_at desc, activity_id desc
        ) as place
    from converted
)

select
    opportunity_id,
    account_id,
    opportunity_name,
    opportunity_type,
    created_on,
    amount,
    outcome,
    false as is_stand_in
from opportunities

union all

select
    latest.opportunity_id,
    latest.account_id,
    latest.opportunity_name,
    cast(null as {{ type_text() }}) as opportunity_type,
    cast(null as date) as created_on,
    latest.amount,
    'open' as outcome,
    true as is_stand_in
from latest
cross join opportunities_stream
where latest.place = 1 and not opportunities_stream.is_present
