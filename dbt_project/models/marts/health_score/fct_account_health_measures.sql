{{ config(materialized='view') }}

with
measures as (
    select * from {{ ref('int_health_score__measures') }}
    where basis = 'now'
),

dimensions as (
    select * from {{ ref('int_health_score__dimensions') }}
    where basis = 'now'
),

policies as (
    select * from {{ ref('stg_policy__score_measures') }}
),

bands as (
    select distinct
        segment_key,
        measure,
        band_rank,
        band
    from {{ ref('stg_policy__score_bands') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
),

-- What one band better adds, once for each combination that occurs.
combinations as (
    select distinct
        measures.points,
        measures.next_points,
        dimensions.weight,
        dimensions.present_points,
        dimensions.available_weight
    from measures
    inner join dimensions on measures.account_id = dimensions.account_id and measures.dimension = dimensions.dimension
    where measures.next_points is not null and dimensions.is_available
),

gains as (
    select
        *,
        cast(
            {{ divide_exact(
                '100 * (next_points - points) * weight', 'present_points * available_weight', places=1
            ) }} as decimal(5, 1)
        ) as gain
    from combinations
)

select
    measures.account_id,
    measures.measure,
    measures.dimension,
    policies.measure_rank,
    policies.label,
    policies.unit,
    measures.value,
    bands.band,
    measures.points,
    measures.max_points,
    measures.value is not null as is_present,
    case
        when measures.value is not null then null
        when not coalesce(streams.is_known, false) then streams.gap_words
        else 'nothing to tell it from in ' || {{ name_words('streams.stream') }}
    end as missing_reason,
    policies.stream as source,
    measures.source_records,
    case when measures.value is not null then coalesce(gains.gain, 0) end as next_band_gain
from measures
inner join dimensions on measures.account_id = dimensions.account_id and measures.dimension = dimensions.dimension
inner join policies on measures.segment_key = policies.segment_key and measures.measure = policies.measure
left join bands
    on
        measures.segment_key = bands.segment_key
        and measures.measure = bands.measure
        and measures.band_rank = bands.band_rank
left join streams on policies.stream = streams.stream
left join gains
    on
        dimensions.is_available
        and measures.points = gains.points
        and measures.next_points = gains.next_points
        and dimensions.weight = gains.weight
        and dimensions.present_points = gains.present_points
        and dimensions.available_weight = gains.available_weight
