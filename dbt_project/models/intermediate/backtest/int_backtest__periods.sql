with recursive
dates as (
    select scored_on from {{ ref('int_backtest__dates') }}
    where is_used
),

horizons as (
    select horizon_days from {{ ref('stg_policy__backtest_horizons') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

-- What happened is known only where the whole time has passed.
over as (
    select
        horizons.horizon_days,
        dates.scored_on,
        {{ add_days('dates.scored_on', 'horizons.horizon_days') }} as ends_on
    from dates
    cross join horizons
    cross join run
    where {{ add_days('dates.scored_on', 'horizons.horizon_days') }} <= run.as_of_date
),

-- Periods don't overlap: somebody who leaves counts once, and outcomes are as independent as intervals take them to be.
links as (
    select
        later.horizon_days,
        later.scored_on,
        max(earlier.scored_on) as before_on
    from over as later
    inner join over as earlier
        on
            later.horizon_days = earlier.horizon_days
            and later.scored_on >= earlier.ends_on
    group by later.horizon_days, later.scored_on
),

latest as (
    select
        horizon_days,
        max(scored_on) as scored_on
    from over
    group by horizon_days
),

chosen as (
    select
        horizon_days,
        scored_on
    from latest
    union all
    select
        chosen.horizon_days,
        links.before_on as scored_on
    from chosen
    inner join links
        on
            chosen.horizon_days = links.horizon_days
            and chosen.scored_on = links.scored_on
)

select
    horizon_days,
    scored_on,
    {{ add_days('scored_on', 'horizon_days') }} as ends_on
from chosen
