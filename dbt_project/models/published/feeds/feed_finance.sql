with
feed as (
    select * from {{ ref('fct_feed_finance') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    feed.account_id,
    feed.account_name,
    feed.owner_name,
    feed.csm_name,
    feed.ae_name,
    feed.geo,
    feed.region,
    feed.segment,
    feed.has_billing_alert,
    feed.failed_invoices,
    feed.failed_amount,
    feed.disputed_invoices,
    feed.disputed_amount,
    feed.overdue_invoices,
    feed.overdue_amount,
    feed.alert_amount,
    feed.oldest_due_on,
    feed.billing_evidence,
    feed.tier,
    feed.arr,
    feed.at_risk_arr,
    feed.churn_probability,
    feed.expected_churned_arr,
    feed.lifetime_value,
    feed.invoices_due,
    feed.mean_days_late,
    feed.invoices_due_before,
    feed.mean_days_late_before,
    feed.days_late_change,
    feed.payment_trend
from feed
cross join run
