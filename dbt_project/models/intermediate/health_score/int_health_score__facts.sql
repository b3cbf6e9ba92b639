with
measures as (
    select
        account_id,
        measure,
        value
    from {{ ref('int_health_score__measures') }}
    where basis = 'now' and value is not null
),

scores as (
    select * from {{ ref('int_health_score__scores') }}
    where basis = 'now'
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
    where is_scored
),

cutoffs as (
    select * from {{ ref('stg_policy__score_cutoffs') }}
),

baseline as (
    select * from {{ ref('int_health_score__baseline') }}
),

tickets as (
    select * from {{ ref('int_tickets__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

factors as (
    select * from {{ ref('int_churn__factors') }}
),

known as (
    {{ streams_known(['usage', 'tickets']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
)

select
    account_id,
    measure as fact,
    value,
    cast(null as {{ type_text() }}) as words
from measures
union all
select
    account_id,
    'days_to_renewal' as fact,
    cast(days_to_renewal as decimal(24, 6)) as value,
    'renews in ' || {{ days_words('days_to_renewal') }} as words
from standing
where days_to_renewal is not null
union all
select
    account_id,
    'tickets_open' as fact,
    tickets_open as value,
    cast(null as {{ type_text() }}) as words
from baseline
where tickets_open is not null
union all
select
    tickets.account_id,
    'urgent_tickets_open' as fact,
    cast(tickets.urgent_tickets_open as decimal(24, 6)) as value,
    cast(null as {{ type_text() }}) as words
from tickets
cross join known
where known.tickets_known
union all
select
    baseline.account_id,
    'blocker' as fact,
    baseline.blocker as value,
    case when signals.open_major_blockers > 0 then 'a major' else 'a minor' end
    || ' blocker open since ' || {{ date_words('signals.blocked_since') }} as words
from baseline
inner join signals on baseline.account_id = signals.account_id
where baseline.blocker > 0
union all
{%- for factor in ['leadership_change', 'competitive_inquiry', 'recent_outage', 'engagement_decline'] %}
    select
        account_id,
        '{{ factor }}' as fact,
        cast(1 as decimal(24, 6)) as value,
        {{ factor }}_evidence as words
    from factors
    where {{ factor }}
    union all
{%- endfor %}
select
    usage.account_id,
    'days_without_login' as fact,
    cast({{ days_between('usage.last_login_on', 'run.as_of_date') }} as decimal(24, 6)) as value,
    'no login since ' || {{ date_words('usage.last_login_on') }} as words
from usage
cross join run
cross join known
where known.usage_known and usage.last_login_on is not null
union all
select
    scores.account_id,
    case when scores.score >= cutoffs.yellow_at_least then 'status_yellow' else 'status_red' end as fact,
    cast(1 as decimal(24, 6)) as value,
    'the score is ' || {{ format_decimal('scores.score', 1) }} as words
from scores
inner join standing on scores.account_id = standing.account_id
inner join cutoffs on standing.segment_key = cutoffs.segment_key
where scores.score < cutoffs.green_at_least
