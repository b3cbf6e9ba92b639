with
totals as (
    select * from {{ ref('int_backtest__totals') }}
),

settings as (
    select fitted_horizon_days from {{ ref('stg_policy__backtest_settings') }}
),

floors as (
    select
        calibration_least_churned as least_churned,
        calibration_least_kept as least_kept
    from {{ ref('stg_policy__churn_settings') }}
)

select
    totals.horizon_days,
    totals.churned_accounts,
    totals.kept_accounts,
    totals.churned_accounts >= floors.least_churned and totals.kept_accounts >= floors.least_kept as is_enough,
    case
        when totals.churned_accounts >= floors.least_churned and totals.kept_accounts >= floors.least_kept
            then cast(null as {{ type_text() }})
        else
            case
                when totals.churned_accounts + totals.kept_accounts = 0 then 'no outcomes are known'
                else
                    {{ count_words('totals.churned_accounts', 'churned account', 'churned accounts') }}
                    || ' and ' || {{ count_words('totals.kept_accounts', 'kept one', 'kept ones') }}
                    || ' are known ' || {{ days_words('totals.horizon_days') }} || ' after their scores'
            end
            || ', and it takes ' || {{ count_words('floors.least_churned', 'churned account', 'churned accounts') }}
            || ' and ' || {{ count_words('floors.least_kept', 'kept one', 'kept ones') }}
    end as reason
from totals
inner join settings on totals.horizon_days = settings.fitted_horizon_days
cross join floors
