with
said as (
    select
        account_id,
        as_of_date as scored_on,
        status
    from {{ ref('stg_history__account_churn_monthly') }}
),

dates as (
    select scored_on from {{ ref('int_backtest__dates') }}
    where is_used
),

accounts as (
    select
        account_id,
        churned_on
    from {{ ref('stg_landing__accounts') }}
),

stretches as (
    select * from {{ ref('int_backtest__stretches') }}
),

warning as (
    select status from {{ ref('stg_policy__backtest_warning_statuses') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

departures as (
    select
        accounts.account_id,
        case
            when accounts.churned_on <= run.as_of_date then accounts.churned_on
            when stretches.lapsed_on <= run.as_of_date then stretches.lapsed_on
        end as left_on,
        accounts.churned_on is not null and accounts.churned_on <= run.as_of_date as is_dated
    from accounts
    cross join run
    left join stretches
        on
            accounts.account_id = stretches.account_id
            and stretches.starts_on <= run.as_of_date
            and (stretches.next_starts_on is null or stretches.next_starts_on > run.as_of_date)
),

first_date as (
    select min(scored_on) as scored_on from dates
),

before_leaving as (
    select
        departures.account_id,
        departures.left_on,
        departures.is_dated,
        said.scored_on,
        said.status,
        warning.status is not null as warns
    from departures
    inner join first_date on departures.left_on > first_date.scored_on
    inner join said on departures.account_id = said.account_id and departures.left_on > said.scored_on
    inner join dates on said.scored_on = dates.scored_on
    left join warning on said.status = warning.status
),

quiet as (
    select
        account_id,
        max(case when not warns then scored_on end) as last_quiet_on
    from before_leaving
    group by account_id
)

select
    before_leaving.account_id,
    before_leaving.left_on,
    before_leaving.is_dated,
    cast(count(*) as int) as scores,
    min(before_leaving.scored_on) as first_scored_on,
    max(before_leaving.scored_on) as last_scored_on,
    -- From here on every score warned, up to the last one before the account left.
    min(
        case
            when quiet.last_quiet_on is null or before_leaving.scored_on > quiet.last_quiet_on
                then before_leaving.scored_on
        end
    ) as warned_since
from before_leaving
inner join quiet on before_leaving.account_id = quiet.account_id
group by before_leaving.account_id, before_leaving.left_on, before_leaving.is_dated
