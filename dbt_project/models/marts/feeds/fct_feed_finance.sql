with
accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
),

health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

invoices as (
    select * from {{ ref('int_feeds__invoices') }}
),

known as (
    {{ streams_known(['invoices']) }}
),

run as (
    select
        as_of_date,
        reporting_currency
    from {{ ref('stg_run__context') }}
),

billed as (
    select
        invoices.account_id,
        count(case when invoices.alert = 'failed' then 1 end) as failed_invoices,
        sum(case when invoices.alert = 'failed' then invoices.amount end) as failed_amount,
        count(case when invoices.alert = 'disputed' then 1 end) as disputed_invoices,
        sum(case when invoices.alert = 'disputed' then invoices.amount end) as disputed_amount,
        count(case when invoices.alert = 'overdue' then 1 end) as overdue_invoices,
        sum(case when invoices.alert = 'overdue' then invoices.amount end) as overdue_amount,
        count(invoices.alert) as alerts,
        sum(case when invoices.alert is not null then invoices.amount end) as alert_amount,
        min(case when invoices.alert is not null then invoices.due_on end) as oldest_due_on,
        {{ join_text(
            "case when invoices.alert is not null then 'invoice ' || invoices.invoice_id || ' of '"
            ~ " || coalesce(" ~ exact_money_words('invoices.amount') ~ " || ' ' || run.reporting_currency, 'unknown amount')"
            ~ " || ' ' || invoices.alert || coalesce(', due ' || " ~ date_words('invoices.due_on') ~ ", '') end",
            '; ',
            ['invoices.issued_on', 'invoices.invoice_id']
        ) }} as billing_evidence,
        count(case when invoices.trend_window = 'now' then invoices.days_late end) as invoices_due,
        {{ average_exact("case when invoices.trend_window = 'now' then invoices.days_late end") }} as mean_days_late,
        count(case when invoices.trend_window = 'before' then invoices.days_late end) as invoices_due_before,
        {{ average_exact("case when invoices.trend_window = 'before' then invoices.days_late end") }}
            as mean_days_late_before
    from invoices
    cross join run
    cross join known
    where known.invoices_known
    group by invoices.account_id
)

select
    accounts.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.ae_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    coalesce(billed.alerts, 0) > 0 as has_billing_alert,
    case when known.invoices_known then cast(coalesce(billed.failed_invoices, 0) as int) end as failed_invoices,
    cast(billed.failed_amount as decimal(18, 2)) as failed_amount,
    case when known.invoices_known then cast(coalesce(billed.disputed_invoices, 0) as int) end as disputed_invoices,
    cast(billed.disputed_amount as decimal(18, 2)) as disputed_amount,
    case when known.invoices_known then cast(coalesce(billed.overdue_invoices, 0) as int) end as overdue_invoices,
    cast(billed.overdue_amount as decimal(18, 2)) as overdue_amount,
    cast(billed.alert_amount as decimal(18, 2)) as alert_amount,
    billed.oldest_due_on,
    case
        when not known.invoices_known then 'not known: invoices can not be used'
        else coalesce(billed.billing_evidence, 'no invoice failed, disputed or overdue')
    end as billing_evidence,
    health.tier,
    standing.arr,
    cast(
        case
            when health.tier in ('at_risk', 'critical') then standing.arr
            when health.tier is not null then 0
        end as decimal(18, 2)
    ) as at_risk_arr,
    churn.acts_on_probability as churn_probability,
    churn.expected_loss as expected_churned_arr,
    churn.lifetime_value,
    case when known.invoices_known then cast(coalesce(billed.invoices_due, 0) as int) end as invoices_due,
    cast(billed.mean_days_late as decimal(18, 6)) as mean_days_late,
    case when known.invoices_known then cast(coalesce(billed.invoices_due_before, 0) as int) end
        as invoices_due_before,
    cast(billed.mean_days_late_before as decimal(18, 6)) as mean_days_late_before,
    cast(billed.mean_days_late - billed.mean_days_late_before as decimal(18, 6)) as days_late_change,
    case
        when billed.mean_days_late > billed.mean_days_late_before then 'later'
        when billed.mean_days_late < billed.mean_days_late_before then 'sooner'
        when billed.mean_days_late = billed.mean_days_late_before then 'as before'
    end as payment_trend
from accounts
cross join known
inner join standing on accounts.account_id = standing.account_id
left join health on accounts.account_id = health.account_id
left join churn on accounts.account_id = churn.account_id
left join billed on accounts.account_id = billed.account_id
where standing.is_scored or billed.alerts > 0
