with
health as (
    select * from {{ ref('fct_account_health') }}
    where tier = 'healthy'
),

accounts as (
    select
        account_id,
        reference_customer
    from {{ ref('int_accounts__profiled') }}
),

measures as (
    select
        account_id,
        service_adoption,
        tenure_years,
        expansions,
        nps
    from {{ ref('int_health_score__values') }}
),

surveys as (
    select * from {{ ref('int_surveys__by_account') }}
),

usage as (
    select
        account_id,
        {{ divide_exact('uptime_sum', 'uptime_rows') }} as uptime_pct
    from {{ ref('int_usage__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

known as (
    {{ streams_known(['signals', 'usage']) }}
),

settings as (
    select * from {{ ref('stg_policy__feed_settings') }}
),

-- Who speaks for us must not have a blocker: where signals can't be used, nobody is named.
candidates as (
    select
        health.account_id,
        health.account_name,
        health.owner_name,
        health.csm_name,
        health.geo,
        health.region,
        health.segment,
        health.score,
        health.tier,
        health.arr,
        accounts.reference_customer as is_reference,
        measures.nps,
        surveys.nps_answered_on,
        measures.service_adoption,
        measures.tenure_years,
        cast(measures.expansions as int) as expansions,
        case when known.usage_known then usage.uptime_pct end as uptime_pct
    from health
    cross join known
    cross join settings
    inner join accounts on health.account_id = accounts.account_id
    inner join measures on health.account_id = measures.account_id
    inner join surveys on health.account_id = surveys.account_id
    left join usage on health.account_id = usage.account_id
    left join signals on health.account_id = signals.account_id
    where
        measures.nps >= settings.promoter_at_least
        and (accounts.reference_customer or measures.tenure_years >= settings.tenure_at_least_years)
        and known.signals_known
        and coalesce(signals.open_major_blockers, 0) + coalesce(signals.open_minor_blockers, 0) = 0
)

select
    account_id,
    account_name,
    owner_name,
    csm_name,
    geo,
    region,
    segment,
    cast(row_number() over (order by score desc, nps desc, arr desc, account_id) as int) as {{ adapter.quote('rank') }},
    is_reference,
    cast(nps as decimal(9, 6)) as nps,
    nps_answered_on,
    score,
    tier,
    cast(service_adoption as decimal(24, 6)) as service_adoption,
    cast(uptime_pct as decimal(9, 6)) as uptime_pct,
    cast(tenure_years as decimal(18, 6)) as tenure_years,
    expansions,
    arr,
    'answered ' || {{ number_words('nps') }} || ' of 10 on ' || {{ date_words('nps_answered_on') }}
    || case when is_reference then ', reference customer' else '' end
    || coalesce(', customer for ' || {{ number_words('cast(tenure_years as decimal(18, 1))') }} || ' years', '')
    || ', score of ' || {{ number_words('score') }}
    || coalesce(', uptime of ' || {{ trimmed_decimal('uptime_pct', 3) }} || ' %', '')
    || coalesce(', uses ' || {{ number_words('service_adoption') }} || ' % of its services', '')
    || case when expansions > 0 then ', expanded ' || {{ count_words('expansions', 'time', 'times') }} else '' end
        as reason
from candidates
