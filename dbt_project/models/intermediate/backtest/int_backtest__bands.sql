with
bands as (
    select * from {{ ref('stg_policy__backtest_bands') }}
),

settings as (
    select * from {{ ref('stg_policy__backtest_settings') }}
),

priors as (
    select
        found.value,
        found.accounts,
        found.churned
    from {{ ref('int_backtest__values') }} as found
    inner join settings on found.horizon_days = settings.fitted_horizon_days
    where found.predictor = 'churn_probability'
),

counted as (
    select
        bands.band,
        cast(sum(priors.accounts) as bigint) as accounts,
        cast(sum(priors.churned) as bigint) as churned,
        {{ divide_exact('sum(priors.value * priors.accounts)', 'sum(priors.accounts)') }} as said_pct
    from bands
    inner join priors
        on
            bands.from_pct <= priors.value
            and (bands.below_pct is null or bands.below_pct > priors.value)
    group by bands.band
),

-- What happened, and beside it so many accounts that do as was said.
weighed as (
    select
        counted.*,
        counted.accounts + settings.shrinkage_accounts as weight,
        cast(100 * counted.churned + settings.shrinkage_accounts * counted.said_pct as decimal(28, 6)) as points
    from counted
    cross join settings
),

-- A greater prior must not come out as a smaller probability: of all runs of neighbours around a band, the greatest of
-- the least means (isotonic regression). A band without accounts takes part in its neighbours' runs only.
runs as (
    select
        low_end.band as first_band,
        high_end.band as last_band,
        {{ divide_exact('sum(weighed.points)', 'sum(weighed.weight)') }} as mean_pct
    from bands as low_end
    inner join bands as high_end on low_end.band <= high_end.band
    inner join weighed on low_end.band <= weighed.band and high_end.band >= weighed.band
    group by low_end.band, high_end.band
),

least_means as (
    select
        bands.band,
        runs.first_band,
        min(runs.mean_pct) as mean_pct
    from bands
    inner join runs on bands.band >= runs.first_band and bands.band <= runs.last_band
    group by bands.band, runs.first_band
),

fitted as (
    select
        band,
        max(mean_pct) as fitted_pct
    from least_means
    group by band
),

bounded as (
    select
        bands.band,
        bands.from_pct,
        bands.below_pct,
        coalesce(weighed.accounts, 0) as accounts,
        coalesce(weighed.churned, 0) as churned,
        weighed.said_pct,
        fitted.fitted_pct,
        {{ wilson_low('weighed.points / 100', 'weighed.weight', 'settings.interval_z') }} as low_pct,
        {{ wilson_high('weighed.points / 100', 'weighed.weight', 'settings.interval_z') }} as high_pct
    from bands
    cross join settings
    left join weighed on bands.band = weighed.band
    left join fitted on bands.band = fitted.band
)

select
    band,
    from_pct,
    below_pct,
    accounts,
    churned,
    said_pct,
    cast(fitted_pct as decimal(9, 6)) as fitted_pct,
    cast(case when fitted_pct < low_pct then fitted_pct else low_pct end as decimal(9, 4)) as low_pct,
    cast(case when fitted_pct > high_pct then fitted_pct else high_pct end as decimal(9, 4)) as high_pct
from bounded
