with
feed as (
    select * from {{ ref('fct_feed_product') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    feed.section,
    feed.item,
    feed.{{ adapter.quote('rank') }},
    feed.account_id,
    feed.account_name,
    feed.owner_name,
    feed.segment,
    feed.score,
    feed.services_used,
    feed.services_contracted,
    feed.service_adoption,
    feed.usage_trend,
    feed.theme,
    feed.requests,
    feed.accounts,
    feed.arr,
    feed.latest_request_on,
    feed.reason
from feed
cross join run
