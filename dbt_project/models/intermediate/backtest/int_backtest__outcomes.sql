with
said as (
    select * from {{ ref('stg_history__account_churn_monthly') }}
),

periods as (
    select * from {{ ref('int_backtest__periods') }}
),

accounts as (
    select
        account_id,
        churned_on,
        coalesce(lifecycle, '') = 'churned' as is_called_churned
    from {{ ref('stg_landing__accounts') }}
),

stretches as (
    select * from {{ ref('int_backtest__stretches') }}
),

settings as (
    select
        renewal_soon_days,
        renewal_later_days
    from {{ ref('stg_policy__churn_settings') }}
)

select
    periods.horizon_days,
    periods.scored_on,
    said.account_id,
    said.score,
    said.status,
    said.churn_probability,
    said.churn_probability_calibrated,
    case
        when said.days_to_renewal < settings.renewal_soon_days then 'soon'
        when said.days_to_renewal < settings.renewal_later_days then 'later'
        else 'none'
    end as renewal,
    {% for factor in churn_factor_names() %}
        coalesce(said.{{ factor }}, false) as {{ factor }},
    {% endfor %}
    case
        when accounts.account_id is null then 'account_gone'
        when accounts.churned_on <= periods.scored_on then 'left_before'
        when accounts.churned_on <= periods.ends_on then 'left'
        when stretches.lapsed_on > periods.scored_on and stretches.lapsed_on <= periods.ends_on then 'left'
        when accounts.churned_on is not null then 'stayed'
        when accounts.is_called_churned then 'left_without_date'
        when stretches.account_id is null then 'no_contract'
        when stretches.lapsed_on <= periods.scored_on then 'left_before'
        else 'stayed'
    end as outcome
from said
inner join periods on said.as_of_date = periods.scored_on
cross join settings
left join accounts on said.account_id = accounts.account_id
-- The stretch under contract that began last by the end of the period.
left join stretches
    on
        said.account_id = stretches.account_id
        and stretches.starts_on <= periods.ends_on
        and (stretches.next_starts_on is null or stretches.next_starts_on > periods.ends_on)
