{{ config(materialized='view') }}

with
health as (
    select * from {{ ref('fct_account_health') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
    where extraction_id is not null
),

extractions as (
    select {{ join_text("stream || '=' || extraction_id", '; ', ['stream']) }} as extraction_ids
    from streams
)

select
    health.account_id,
    health.score,
    health.score_low,
    health.score_high,
    health.confidence,
    health.status,
    health.tier,
    extractions.extraction_ids
from health
cross join extractions
