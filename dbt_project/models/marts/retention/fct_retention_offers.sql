with
churn as (
    select * from {{ ref('fct_account_churn') }}
),

accounts as (
    select
        account_id,
        sla_target_pct
    from {{ ref('int_accounts__profiled') }}
),

measures as (
    select
        account_id,
        capacity_utilisation,
        uptime_vs_sla
    from {{ ref('int_health_score__values') }}
),

tickets as (
    select
        account_id,
        offer_urgent_incidents
    from {{ ref('int_tickets__by_account') }}
),

known as (
    {{ streams_known(['tickets']) }}
),

settings as (
    select * from {{ ref('stg_policy__retention_settings') }}
),

months as (
    select
        *,
        cast(credit_months as decimal(9, 2)) as months_credited
    from settings
),

at_risk as (
    select
        churn.*,
        measures.capacity_utilisation,
        measures.uptime_vs_sla,
        accounts.sla_target_pct,
        case when known.tickets_known then coalesce(tickets.offer_urgent_incidents, 0) end as urgent_incidents
    from churn
    cross join known
    cross join settings
    inner join accounts on churn.account_id = accounts.account_id
    inner join measures on churn.account_id = measures.account_id
    left join tickets on churn.account_id = tickets.account_id
    where churn.acts_on_probability > settings.medium_above
),

credits as (
    select
        at_risk.account_id,
        'service_credit' as component,
        1 as component_rank,
        'Service credit of ' || {{ number_words('months.months_credited') }} || ' months of recurring revenue' as offer,
        cast({{ divide_exact(
            'cast(at_risk.arr as decimal(19, 2)) * months.months_credited', 12, places=2, input_places=4
        ) }} as decimal(18, 2)) as credit_amount,
        cast(null as int) as price_lock_years,
        cast(null as decimal(9, 6)) as sla_pct,
        {{ count_words('at_risk.urgent_incidents', 'urgent incident', 'urgent incidents') }}
        || ' in the last ' || {{ days_words('months.incidents_days') }} || ', more than '
        || cast(months.incidents_above as {{ type_text() }}) as why
    from at_risk
    cross join months
    where at_risk.urgent_incidents > months.incidents_above
),

capacities as (
    select
        at_risk.account_id,
        'capacity_doubled' as component,
        2 as component_rank,
        'Capacity doubled at no added cost' as offer,
        cast(null as decimal(18, 2)) as credit_amount,
        cast(null as int) as price_lock_years,
        cast(null as decimal(9, 6)) as sla_pct,
        'capacity used is ' || {{ number_words('at_risk.capacity_utilisation') }} || ' %, over '
        || {{ number_words('settings.capacity_above') }} || ' %' as why
    from at_risk
    cross join settings
    where at_risk.capacity_utilisation > settings.capacity_above
),

locks as (
    select
        at_risk.account_id,
        'price_lock' as component,
        3 as component_rank,
        'Price locked for ' || {{ count_words('settings.price_lock_years', 'year', 'years') }} as offer,
        cast(null as decimal(18, 2)) as credit_amount,
        settings.price_lock_years,
        cast(null as decimal(9, 6)) as sla_pct,
        'budget pressure: ' || at_risk.budget_pressure_evidence as why
    from at_risk
    cross join settings
    where at_risk.budget_pressure
),

-- Never above the most, and never below what is already promised.
promised as (
    select
        at_risk.account_id,
        at_risk.uptime_vs_sla,
        at_risk.sla_target_pct,
        cast(
            greatest(
                least(at_risk.sla_target_pct + settings.sla_addition, settings.sla_most),
                at_risk.sla_target_pct
            ) as decimal(9, 6)
        ) as sla_pct
    from at_risk
    cross join settings
    where at_risk.uptime_vs_sla < 0
),

slas as (
    select
        account_id,
        'enhanced_sla' as component,
        4 as component_rank,
        'Uptime of ' || {{ trimmed_decimal('sla_pct', 6) }} || ' % promised' as offer,
        cast(null as decimal(18, 2)) as credit_amount,
        cast(null as int) as price_lock_years,
        sla_pct,
        'uptime is ' || {{ trimmed_decimal('-uptime_vs_sla', 6) }} || ' points below the '
        || {{ trimmed_decimal('sla_target_pct', 6) }} || ' % promised' as why
    from promised
),

offers as (
    select * from credits
    union all
    select * from capacities
    union all
    select * from locks
    union all
    select * from slas
)

select
    offers.account_id,
    at_risk.account_name,
    at_risk.owner_name,
    at_risk.csm_name,
    at_risk.ae_name,
    at_risk.geo,
    at_risk.region,
    at_risk.segment,
    offers.component,
    cast(offers.component_rank as int) as component_rank,
    offers.offer,
    offers.credit_amount,
    offers.price_lock_years,
    offers.sla_pct,
    offers.why,
    at_risk.acts_on_probability,
    at_risk.arr,
    at_risk.reconstructed
from offers
inner join at_risk on offers.account_id = at_risk.account_id
