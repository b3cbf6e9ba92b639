with
feed as (
    select * from {{ ref('fct_feed_marketing') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    feed.account_id,
    feed.account_name,
    feed.owner_name,
    feed.csm_name,
    feed.geo,
    feed.region,
    feed.segment,
    feed.{{ adapter.quote('rank') }},
    feed.is_reference,
    feed.nps,
    feed.nps_answered_on,
    feed.score,
    feed.tier,
    feed.service_adoption,
    feed.uptime_pct,
    feed.tenure_years,
    feed.expansions,
    feed.arr,
    feed.reason
from feed
cross join run
