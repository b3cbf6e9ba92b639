with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select
        account_id,
        acts_on_probability
    from {{ ref('fct_account_churn') }}
),

accounts as (
    select
        account_id,
        coalesce(owner_name, '(none)') as owner_name,
        coalesce(geo, '(none)') as geo,
        coalesce(region, '(none)') as region,
        coalesce(segment, '(none)') as segment
    from {{ ref('int_accounts__profiled') }}
),

contracts as (
    select * from {{ ref('int_contracts__converted') }}
),

run as (
    select
        as_of_date,
        fiscal_year_start_month
    from {{ ref('stg_run__context') }}
),

settings as (
    select chain_days from {{ ref('stg_policy__churn_settings') }}
),

year_settings as (
    select
        annual_days,
        year_days
    from {{ ref('stg_policy__score_settings') }}
),

-- The account's ARR goes to the quarter of its renewal. Without a score there is no probability: no loss is expected.
renewing as (
    select
        health.account_id,
        {{ fiscal_quarter_number('health.renewal_date', 'run.fiscal_year_start_month') }} as renewal_quarter,
        health.arr,
        health.status,
        cast(cast(health.arr as decimal(19, 2)) * coalesce(churn.acts_on_probability, 0) as decimal(25, 4))
            as churned_hundredfold
    from health
    cross join run
    left join churn on health.account_id = churn.account_id
    where health.renewal_date is not null
),

forecast as (
    select
        renewing.renewal_quarter,
        accounts.owner_name,
        accounts.geo,
        accounts.region,
        accounts.segment,
        count(*) as accounts,
        cast(sum(renewing.arr) as decimal(22, 2)) as arr_up_for_renewal,
        cast(sum(renewing.churned_hundredfold) as decimal(27, 4)) as churned_hundredfold,
        sum(case when renewing.status = 'RED' then renewing.arr end) as at_risk_arr_red,
        sum(case when renewing.status = 'YELLOW' then renewing.arr end) as at_risk_arr_yellow,
        sum(case when renewing.status = 'GREEN' then renewing.arr end) as arr_green,
        sum(case when renewing.status is null then renewing.arr end) as arr_without_score
    from renewing
    inner join accounts on renewing.account_id = accounts.account_id
    group by renewing.renewal_quarter, accounts.owner_name, accounts.geo, accounts.region, accounts.segment
),

yearly as (
    select
        contracts.contract_id,
        contracts.account_id,
        contracts.product,
        contracts.start_date,
        contracts.end_date,
        {{ annualised(
            'contracts.amount',
            '(' ~ days_between('contracts.start_date', 'contracts.end_date') ~ ' + 1)',
            'year_settings'
        ) }} as yearly_amount
    from contracts
    cross join year_settings
),

-- Contracts that ended by as_of, in this quarter and in those before it. A credit is nothing that could be kept.
ended as (
    select
        yearly.contract_id,
        yearly.account_id,
        yearly.product,
        yearly.end_date,
        yearly.yearly_amount,
        {{ fiscal_quarter_number('yearly.end_date', 'run.fiscal_year_start_month') }} as ended_quarter
    from yearly
    cross join run
    where yearly.end_date <= run.as_of_date and yearly.yearly_amount >= 0
),

followers as (
    select
        ended.contract_id,
        yearly.yearly_amount,
        row_number() over (
            partition by ended.contract_id order by yearly.end_date desc, yearly.contract_id desc
        ) as place
    from ended
    cross join settings
    inner join yearly
        on
            ended.account_id = yearly.account_id
            and ended.product = yearly.product
            and ended.contract_id <> yearly.contract_id
            and yearly.end_date > ended.end_date
            and yearly.start_date >= {{ add_days('ended.end_date', '-settings.chain_days') }}
            and yearly.start_date <= {{ add_days('ended.end_date', 'settings.chain_days') }}
),

kept as (
    select
        ended.ended_quarter,
        accounts.owner_name,
        accounts.geo,
        accounts.region,
        accounts.segment,
        count(*) as contracts_ended,
        count(followers.contract_id) as contracts_renewed,
        cast(sum(ended.yearly_amount) as decimal(28, 9)) as arr_ended,
        cast(sum(least(greatest(coalesce(followers.yearly_amount, 0), 0), ended.yearly_amount)) as decimal(28, 9))
            as arr_kept,
        cast(sum(greatest(coalesce(followers.yearly_amount, 0), 0)) as decimal(28, 9)) as arr_renewed
    from ended
    inner join accounts on ended.account_id = accounts.account_id
    left join followers on ended.contract_id = followers.contract_id and followers.place = 1
    group by ended.ended_quarter, accounts.owner_name, accounts.geo, accounts.region, accounts.segment
),

cells as (
    select renewal_quarter as quarter_number, owner_name, geo, region, segment from forecast
    union
    select ended_quarter as quarter_number, owner_name, geo, region, segment from kept
)

select
    {{ fiscal_quarter_name('cells.quarter_number', 'run.fiscal_year_start_month') }} as fiscal_quarter,
    {{ fiscal_quarter_starts_on('cells.quarter_number', 'run.fiscal_year_start_month') }} as quarter_starts_on,
    cells.owner_name,
    cells.geo,
    cells.region,
    cells.segment,
    cast(coalesce(forecast.accounts, 0) as int) as accounts,
    cast(coalesce(forecast.arr_up_for_renewal, 0) as decimal(18, 2)) as arr_up_for_renewal,
    cast({{ divide_exact(
        'coalesce(forecast.churned_hundredfold, 0)', 100, places=2, input_places=4
    ) }} as decimal(18, 2)) as expected_churned_arr,
    cast({{ divide_exact(
        '100 * coalesce(forecast.arr_up_for_renewal, 0) - coalesce(forecast.churned_hundredfold, 0)',
        100, places=2, input_places=4
    ) }} as decimal(18, 2)) as expected_retained_arr,
    cast(coalesce(forecast.at_risk_arr_red, 0) as decimal(18, 2)) as at_risk_arr_red,
    cast(coalesce(forecast.at_risk_arr_yellow, 0) as decimal(18, 2)) as at_risk_arr_yellow,
    cast(coalesce(forecast.arr_green, 0) as decimal(18, 2)) as arr_green,
    cast(coalesce(forecast.arr_without_score, 0) as decimal(18, 2)) as arr_without_score,
    cast(coalesce(kept.contracts_ended, 0) as int) as contracts_ended,
    cast(coalesce(kept.contracts_renewed, 0) as int) as contracts_renewed,
    cast(kept.arr_ended as decimal(18, 2)) as arr_ended,
    cast({{ divide_exact('100 * kept.arr_kept', 'kept.arr_ended', places=6, input_places=9) }} as decimal(18, 6))
        as gross_retention_pct,
    cast({{ divide_exact('100 * kept.arr_renewed', 'kept.arr_ended', places=6, input_places=9) }} as decimal(18, 6))
        as net_retention_pct
from cells
cross join run
left join forecast
    on
        cells.quarter_number = forecast.renewal_quarter
        and cells.owner_name = forecast.owner_name
        and cells.geo = forecast.geo
        and cells.region = forecast.region
        and cells.segment = forecast.segment
left join kept
    on
        cells.quarter_number = kept.ended_quarter
        and cells.owner_name = kept.owner_name
        and cells.geo = kept.geo
        and cells.region = kept.region
        and cells.segment = kept.segment
