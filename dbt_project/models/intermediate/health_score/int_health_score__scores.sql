with
dimensions as (
    select * from {{ ref('int_health_score__dimensions') }}
),

-- Accounts share few combinations, and exact quotients are dear: one each.
combinations as (
    select distinct
        points,
        present_points,
        max_points,
        weight,
        is_available,
        available_weight
    from dimensions
),

-- Shares of the 100 points: of those that could be told, and of all with missing measures at 0 and at their maximum.
shares as (
    select
        *,
        case
            when is_available
                then {{ divide_exact('100 * points * weight', 'present_points * available_weight', places=16) }}
        end as score_part,
        {{ divide_exact('points * weight', 'max_points', places=16) }} as low_part,
        {{ divide_exact('(points + max_points - present_points) * weight', 'max_points', places=16) }} as high_part,
        case when is_available then {{ divide_exact('points * weight', 'present_points', places=1) }} end
            as dimension_points
    from combinations
),

parts as (
    select
        dimensions.account_id,
        dimensions.basis,
        dimensions.dimension,
        shares.is_available,
        shares.score_part,
        shares.low_part,
        shares.high_part,
        shares.dimension_points
    from dimensions
    inner join shares
        on
            dimensions.points = shares.points
            and dimensions.present_points = shares.present_points
            and dimensions.max_points = shares.max_points
            and dimensions.weight = shares.weight
            and dimensions.is_available = shares.is_available
            and dimensions.available_weight = shares.available_weight
),

summed as (
    select
        account_id,
        basis,
        cast(count(case when is_available then 1 end) as int) as dimensions_available,
        {{ to_tenths('sum(score_part)') }} as score,
        {{ to_tenths('sum(low_part)') }} as low,
        {{ to_tenths('sum(high_part)') }} as high,
    {%- for dimension in score_dimension_names() %}
        cast(max(case when dimension = '{{ dimension }}' then dimension_points end) as decimal(5, 1))
            as {{ dimension }}{{ "," if not loop.last }}
    {%- endfor %}
    from parts
    group by account_id, basis
)

select
    account_id,
    basis,
    dimensions_available,
    score,
    least(low, coalesce(score, low)) as score_low,
    greatest(high, coalesce(score, high)) as score_high,
{%- for dimension in score_dimension_names() %}
    {{ dimension }}{{ "," if not loop.last }}
{%- endfor %}
from summed
