with
horizons as (
    select horizon_days from {{ ref('stg_policy__backtest_horizons') }}
),

named as (
    select 'score' as predictor
    union all
    select 'churn_probability' as predictor
    union all
    select 'churn_probability_calibrated' as predictor
),

settings as (
    select cast(interval_z as double) as z from {{ ref('stg_policy__backtest_settings') }}
),

-- Each account that left is held against each that stayed: 2 where it had the higher risk, 1 where they had the same.
held as (
    select
        *,
        2 * kept_below + kept as wins,
        2 * churned_above + churned as losses,
        cast((100 - value) * (100 - value) as decimal(9, 4)) as churned_square,
        cast(value * value as decimal(9, 4)) as kept_square
    from {{ ref('int_backtest__values') }}
),

-- Sums are exact, however many accounts there are; doubles come in when they have been taken, or where an interval is
-- all that hangs on them.
summed as (
    select
        horizon_days,
        predictor,
        max(all_accounts) as accounts,
        max(all_churned) as churned,
        max(all_kept) as kept,
        count(*) as distinct_values,
        cast(sum(churned * wins) as bigint) as all_wins,
        sum(
            cast(churned as decimal(20, 0)) * cast(wins as decimal(9, 0)) * cast(wins as decimal(9, 0))
        ) as wins_squared,
        sum(
            cast(kept as decimal(20, 0)) * cast(losses as decimal(9, 0)) * cast(losses as decimal(9, 0))
        ) as losses_squared,
        sum(
            cast(churned as decimal(19, 0)) * churned_square + cast(kept as decimal(19, 0)) * kept_square
        ) as squares,
        sum(
            churned * cast(churned_square as double) * cast(churned_square as double)
            + kept * cast(kept_square as double) * cast(kept_square as double)
        ) as fourth_powers
    from held
    group by horizon_days, predictor
),

measured as (
    select
        *,
        cast(accounts as double) as n,
        cast(churned as double) as c,
        cast(kept as double) as k,
        case
            when churned > 0 and kept > 0 then cast(all_wins as double) / (2 * cast(churned * kept as double))
        end as area,
        cast(squares as double) / (cast(accounts as double) * 100 * 100) as brier,
        cast(fourth_powers as double) / (cast(accounts as double) * 100 * 100 * 100 * 100) as brier_square
    from summed
),

-- DeLong's variance of the area. It is nothing where all or none are in order, and not known with one account of a
-- kind: chance had its hand in it there too, so the widest that so few accounts allow stands in.
varied as (
    select
        *,
        case
            when churned > 1 and kept > 1 and distinct_values > 1 and all_wins > 0 and all_wins < 2 * churned * kept
                then
                    greatest(cast(wins_squared as double) / (4 * k * k) - c * area * area, 0) / (c * (c - 1))
                    + greatest(cast(losses_squared as double) / (4 * c * c) - k * area * area, 0) / (k * (k - 1))
        end as variance,
        least(c, k) as fewer,
        sqrt(greatest(brier_square - brier * brier, 0) / n) as brier_error
    from measured
)

select
    horizons.horizon_days,
    named.predictor,
    coalesce(varied.accounts, 0) as accounts,
    coalesce(varied.churned, 0) as churned,
    {{ reported('varied.area', places=6) }} as auc,
    case
        when varied.variance is not null
            then {{ reported('greatest(varied.area - settings.z * sqrt(varied.variance), 0)', places=6) }}
        else {{ reported(
            wilson_low('varied.area * varied.fewer', 'varied.fewer', 'settings.z') ~ ' / 100', places=6
        ) }}
    end as auc_low,
    case
        when varied.variance is not null
            then {{ reported('least(varied.area + settings.z * sqrt(varied.variance), 1)', places=6) }}
        else {{ reported(
            wilson_high('varied.area * varied.fewer', 'varied.fewer', 'settings.z') ~ ' / 100', places=6
        ) }}
    end as auc_high,
    {{ reported('varied.brier', places=6) }} as brier,
    case
        when varied.brier is not null
            then {{ reported('greatest(varied.brier - settings.z * varied.brier_error, 0)', places=6) }}
    end as brier_low,
    case
        when varied.brier is not null
            then {{ reported('least(varied.brier + settings.z * varied.brier_error, 1)', places=6) }}
    end as brier_high,
    {{ reported('varied.c * varied.k / (varied.n * varied.n)', places=6) }} as brier_of_base_rate,
    case
        when varied.c > 0 and varied.k > 0
            then {{ reported('1 - varied.brier * varied.n * varied.n / (varied.c * varied.k)', places=6) }}
    end as skill
from horizons
cross join named
cross join settings
left join varied
    on
        horizons.horizon_days = varied.horizon_days
        and named.predictor = varied.predictor
