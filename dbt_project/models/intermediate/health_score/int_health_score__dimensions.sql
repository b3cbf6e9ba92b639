with
measures as (
    select * from {{ ref('int_health_score__measures') }}
),

dimensions as (
    select * from {{ ref('stg_policy__score_dimensions') }}
),

settings as (
    select available_at_least_pct from {{ ref('stg_policy__score_settings') }}
),

summed as (
    select
        account_id,
        basis,
        segment_key,
        dimension,
        cast(coalesce(sum(points), 0) as decimal(9, 2)) as points,
        cast(coalesce(sum(case when points is not null then max_points end), 0) as decimal(9, 2)) as present_points,
        cast(sum(max_points) as decimal(9, 2)) as max_points
    from measures
    group by account_id, basis, segment_key, dimension
),

weighted as (
    select
        summed.*,
        dimensions.dimension_rank,
        dimensions.weight,
        summed.present_points > 0
        and 100 * summed.present_points >= settings.available_at_least_pct * summed.max_points as is_available
    from summed
    inner join dimensions
        on summed.segment_key = dimensions.segment_key and summed.dimension = dimensions.dimension
    cross join settings
)

select
    account_id,
    basis,
    dimension,
    cast(dimension_rank as int) as dimension_rank,
    points,
    present_points,
    max_points,
    weight,
    is_available,
    cast(
        sum(case when is_available then weight else 0 end) over (partition by account_id, basis) as decimal(9, 2)
    ) as available_weight
from weighted
