with
health as (
    select * from {{ ref('fct_account_health') }}
),

measures as (
    select
        account_id,
        service_adoption,
        usage_trend
    from {{ ref('int_health_score__values') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

signals as (
    select * from {{ ref('stg_landing__signals') }}
),

signal_groups as (
    select * from {{ ref('stg_policy__signal_groups') }}
    where signal_group = 'feature_request'
),

known as (
    {{ streams_known(['signals']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__feed_settings') }}
),

-- Usage says how many services are used, not which.
used as (
    select
        health.account_id,
        health.account_name,
        health.owner_name,
        health.segment,
        health.score,
        health.arr,
        measures.service_adoption,
        measures.usage_trend,
        case when measures.service_adoption is not null then usage.latest_usage_on end as services_on,
        case when measures.service_adoption is not null then usage.latest_services_used end as services_used,
        case when measures.service_adoption is not null then usage.latest_services_contracted end
            as services_contracted
    from health
    inner join measures on health.account_id = measures.account_id
    left join usage on health.account_id = usage.account_id
    where measures.service_adoption is not null or measures.usage_trend is not null
),

told as (
    select
        used.*,
        case
            when service_adoption is null then 'adoption not known'
            else
                {{ number_words('services_used') }} || ' of ' || {{ number_words('services_contracted') }}
                || ' services used on ' || {{ date_words('services_on') }}
        end
        || '; '
        || case
            when usage_trend is null then 'trend of users not known'
            when usage_trend > 0 then 'active users up ' || {{ number_words('usage_trend') }} || ' %'
            when usage_trend < 0 then 'active users down ' || {{ number_words('-usage_trend') }} || ' %'
            else 'as many active users as before'
        end as words
    from used
),

-- Requests of customers; those of accounts that have left have no revenue behind them. A theme is what the note says.
requested as (
    select
        signals.account_id,
        coalesce(
            nullif({{ trim_spaces(spaces_collapsed('signals.note')) }}, ''), 'unspecified'
        ) as theme,
        count(*) as requests,
        max(signals.observed_on) as latest_request_on
    from signals
    cross join run
    cross join known
    cross join settings
    inner join signal_groups on signals.signal_type = signal_groups.signal_type
    where
        known.signals_known
        and signals.observed_on >= {{ window_starts_on('run.as_of_date', 'settings.requests_days') }}
    group by
        signals.account_id,
        coalesce(nullif({{ trim_spaces(spaces_collapsed('signals.note')) }}, ''), 'unspecified')
),

requests as (
    select
        requested.*,
        health.account_name,
        health.owner_name,
        health.segment,
        health.score,
        health.arr
    from requested
    inner join health on requested.account_id = health.account_id
),

themes as (
    select
        theme,
        count(*) as accounts,
        sum(requests) as requests,
        max(latest_request_on) as latest_request_on,
        cast(sum(arr) as decimal(18, 2)) as arr
    from requests
    group by theme
),

items as (
    select
        'usage' as section,
        account_id as item,
        row_number() over (order by service_adoption asc nulls last, arr desc, account_id) as place,
        account_id,
        cast(null as {{ type_text() }}) as theme,
        cast(null as int) as requests,
        cast(1 as int) as accounts,
        arr,
        cast(null as date) as latest_request_on,
        words as reason
    from told
    union all
    select
        'theme' as section,
        theme as item,
        row_number() over (order by arr desc, accounts desc, theme) as place,
        cast(null as {{ type_text() }}) as account_id,
        theme,
        cast(requests as int) as requests,
        cast(accounts as int) as accounts,
        arr,
        latest_request_on,
        {{ count_words('requests', 'request', 'requests') }} || ' of '
        || {{ count_words('accounts', 'account', 'accounts') }} as reason
    from themes
    union all
    select
        'request' as section,
        {{ text_key(['account_id', 'theme']) }} as item,
        row_number() over (order by arr desc, account_id, theme) as place,
        account_id,
        theme,
        cast(requests as int) as requests,
        cast(1 as int) as accounts,
        arr,
        latest_request_on,
        {{ count_words('requests', 'request', 'requests') }} || ', the latest on '
        || {{ date_words('latest_request_on') }} as reason
    from requests
    union all
    select
        'beta_candidate' as section,
        told.account_id as item,
        row_number() over (order by told.score desc, told.arr desc, told.account_id) as place,
        told.account_id,
        cast(null as {{ type_text() }}) as theme,
        cast(null as int) as requests,
        cast(1 as int) as accounts,
        told.arr,
        cast(null as date) as latest_request_on,
        'score of ' || {{ number_words('told.score') }} || '; ' || told.words as reason
    from told
    cross join settings
    where told.score > settings.beta_score_above and told.usage_trend >= settings.beta_growing_at_least_pct
)

select
    items.section,
    items.item,
    cast(items.place as int) as {{ adapter.quote('rank') }},
    items.account_id,
    health.account_name,
    health.owner_name,
    health.segment,
    health.score,
    used.services_used,
    used.services_contracted,
    used.service_adoption,
    used.usage_trend,
    items.theme,
    items.requests,
    items.accounts,
    items.arr,
    items.latest_request_on,
    items.reason
from items
left join health on items.account_id = health.account_id
left join used on items.account_id = used.account_id
