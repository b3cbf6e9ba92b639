with
accounts as (
    select distinct
        account_id,
        score
    from {{ ref('int_expansion__potentials') }}
),

measures as (
    select
        account_id,
        email_response_hours
    from {{ ref('int_health_score__values') }}
),

usage as (
    select * from {{ ref('stg_landing__usage') }}
),

latest_usage as (
    select * from {{ ref('int_usage__by_account') }}
),

signals as (
    select * from {{ ref('stg_landing__signals') }}
),

signal_groups as (
    select * from {{ ref('stg_policy__signal_groups') }}
),

invoices as (
    select * from {{ ref('stg_landing__invoices') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
),

known as (
    {{ streams_known(['usage', 'signals', 'invoices', 'activities']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__expansion_settings') }}
),

score_settings as (
    select email_response_hours_days from {{ ref('stg_policy__score_settings') }}
),

gaps as (
    select
        max(case when stream = 'usage' and not is_known then gap_words end) as usage_gap,
        max(case when stream = 'signals' and not is_known then gap_words end) as signals_gap,
        max(case when stream = 'invoices' and not is_known then gap_words end) as invoices_gap,
        max(case when stream = 'activities' and not is_known then gap_words end) as activities_gap
    from streams
),

-- A month has ended when its last day is as_of or before, so the day after as_of tells which is the first that hasn't.
windows as (
    select
        run.as_of_date,
        {{ start_of('month', add_days('run.as_of_date', 1)) }} as months_before,
        {{ add_months_to(start_of('month', add_days('run.as_of_date', 1)), '-settings.plan_limit_months') }}
            as months_from,
        {{ add_months_to(start_of('month', add_days('run.as_of_date', 1)), '-1') }} as latest_month,
        {{ window_starts_on('run.as_of_date', 'settings.seats_days') }} as seats_from,
        {{ window_starts_on('run.as_of_date', 'settings.feature_days') }} as features_from,
        {{ window_starts_on('run.as_of_date', 'settings.billing_days') }} as invoices_from,
        {{ add_days('run.as_of_date', '-settings.overdue_days') }} as overdue_from
    from run
    cross join settings
),

used_by_month as (
    select
        usage.account_id,
        {{ start_of('month', 'usage.usage_date') }} as month,
        {{ average_exact('usage.capacity_used_pct') }} as capacity_used_pct
    from usage
    inner join accounts on usage.account_id = accounts.account_id
    cross join windows
    where usage.usage_date >= windows.months_from and usage.usage_date < windows.months_before
    group by usage.account_id, {{ start_of('month', 'usage.usage_date') }}
),

capacity as (
    select
        used_by_month.account_id,
        count(case when used_by_month.capacity_used_pct >= settings.plan_limit_pct then 1 end) as months_at_limit,
        max(case when used_by_month.month = windows.latest_month then used_by_month.capacity_used_pct end)
            as latest_month_pct,
        {{ join_text(
            number_words('used_by_month.capacity_used_pct') ~ " || ' % in ' || "
            ~ month_words('used_by_month.month'),
            ', ',
            ['used_by_month.month']
        ) }} as words
    from used_by_month
    cross join settings
    cross join windows
    group by used_by_month.account_id
),

first_seats as (
    select
        usage.account_id,
        usage.usage_date,
        usage.seats,
        row_number() over (partition by usage.account_id order by usage.usage_date) as place
    from usage
    inner join accounts on usage.account_id = accounts.account_id
    cross join windows
    where usage.usage_date >= windows.seats_from and usage.seats > 0
),

seats as (
    select
        latest_usage.account_id,
        latest_usage.latest_usage_on,
        {{ number_words('latest_usage.latest_active_users') }} as users_words,
        {{ number_words('latest_usage.latest_seats') }} as seats_words,
        {{ number_words('first_seats.seats') }} as first_words,
        first_seats.usage_date as first_on,
        {{ divide_exact(
            '100 * cast(latest_usage.latest_active_users as decimal(22, 6))', 'latest_usage.latest_seats'
        ) }} as seats_used_pct,
        {{ divide_exact(
            '100 * cast(latest_usage.latest_seats - first_seats.seats as decimal(22, 6))', 'first_seats.seats'
        ) }} as growth_pct
    from latest_usage
    left join first_seats on latest_usage.account_id = first_seats.account_id and first_seats.place = 1
    where latest_usage.latest_usage_on is not null
),

requested as (
    select
        signals.account_id,
        {{ join_text(
            signal_words('signals.signal_type') ~ " || ' on ' || " ~ date_words('signals.observed_on')
            ~ " || ' (signal ' || signals.signal_id || ')'",
            '; ',
            [days_between('signals.observed_on', 'windows.as_of_date'), 'signals.signal_id']
        ) }} as words
    from signals
    cross join windows
    inner join signal_groups on signals.signal_type = signal_groups.signal_type
    where signal_groups.signal_group = 'feature_request' and signals.observed_on >= windows.features_from
    group by signals.account_id
),

billing_issues as (
    select
        invoices.account_id,
        {{ join_text(
            "'invoice ' || invoices.invoice_id || ' of ' || " ~ date_words('invoices.issued_on')
            ~ " || case when invoices.status in ('failed', 'disputed') then ' ' || invoices.status"
            ~ " else ', due ' || " ~ date_words('invoices.due_on') ~ " || ' and unpaid' end",
            '; ',
            [days_between('invoices.issued_on', 'windows.as_of_date'), 'invoices.invoice_id']
        ) }} as words
    from invoices
    cross join windows
    where
        invoices.issued_on >= windows.invoices_from
        and (
            invoices.status in ('failed', 'disputed')
            or (
                invoices.paid_on is null
                and coalesce(invoices.status, 'open') <> 'paid'
                and invoices.due_on <= windows.overdue_from
            )
        )
    group by invoices.account_id
),

judged as (
    select
        accounts.account_id,
        known.usage_known and coalesce(capacity.months_at_limit, 0) >= settings.plan_limit_months as plan_limit,
        known.usage_known and coalesce(capacity.latest_month_pct >= settings.approaching_pct, false)
            as approaching_limit,
        known.usage_known
        and (
            coalesce(seats.seats_used_pct >= settings.seats_pct, false)
            or coalesce(seats.growth_pct >= settings.seats_growth_pct, false)
        ) as seat_growth,
        known.signals_known and requested.words is not null as feature_requests,
        accounts.score > settings.high_health_above as high_health,
        known.invoices_known and billing_issues.words is null as no_billing_issue,
        known.activities_known and coalesce(measures.email_response_hours < settings.responsive_below_hours, false)
            as responsive,
        case
            when not known.usage_known then 'not known: ' || gaps.usage_gap
            when capacity.words is null
                then
                    'no capacity figures in the last '
                    || {{ count_words('settings.plan_limit_months', 'month that ended', 'months that ended') }}
            else
                'capacity used ' || capacity.words || '; the limit is ' || {{ number_words('settings.plan_limit_pct') }}
                || ' % in each of ' || {{ count_words('settings.plan_limit_months', 'month', 'months') }}
        end as plan_limit_evidence,
        case
            when not known.usage_known then 'not known: ' || gaps.usage_gap
            when capacity.latest_month_pct is null
                then 'no capacity figures for ' || {{ month_words('windows.latest_month') }}
            else
                'capacity used ' || {{ number_words('capacity.latest_month_pct') }} || ' % in '
                || {{ month_words('windows.latest_month') }} || '; near the limit is '
                || {{ number_words('settings.approaching_pct') }} || ' %'
        end as approaching_limit_evidence,
        case
            when not known.usage_known then 'not known: ' || gaps.usage_gap
            when seats.seats_used_pct is null and seats.growth_pct is null
                then 'no users and seats in the latest usage'
            else
                coalesce(seats.users_words || ' of ', '') || seats.seats_words || ' seats'
                || case when seats.users_words is null then '' else ' in use' end
                || ' on ' || {{ date_words('seats.latest_usage_on') }}
                || coalesce(', ' || seats.first_words || ' seats on ' || {{ date_words('seats.first_on') }}, '')
        end as seat_growth_evidence,
        case
            when not known.signals_known then 'not known: ' || gaps.signals_gap
            else coalesce(requested.words, 'none in the last ' || {{ days_words('settings.feature_days') }})
        end as feature_requests_evidence,
        'score of ' || {{ number_words('accounts.score') }} || '; high is over '
        || {{ number_words('settings.high_health_above') }} as high_health_evidence,
        case
            when not known.invoices_known then 'not known: ' || gaps.invoices_gap
            else
                coalesce(
                    billing_issues.words,
                    'no invoice of the last ' || {{ days_words('settings.billing_days') }}
                    || ' failed, disputed or overdue by ' || {{ days_words('settings.overdue_days') }}
                )
        end as no_billing_issue_evidence,
        case
            when not known.activities_known then 'not known: ' || gaps.activities_gap
            when measures.email_response_hours is null
                then
                    'not known: no e-mail answered in the last '
                    || {{ days_words('score_settings.email_response_hours_days') }}
            else
                'answers e-mails within ' || {{ number_words('measures.email_response_hours') }}
                || ' hours on average; responsive is under ' || {{ number_words('settings.responsive_below_hours') }}
        end as responsive_evidence
    from accounts
    cross join known
    cross join gaps
    cross join settings
    cross join score_settings
    cross join windows
    inner join measures on accounts.account_id = measures.account_id
    left join capacity on accounts.account_id = capacity.account_id
    left join seats on accounts.account_id = seats.account_id
    left join requested on accounts.account_id = requested.account_id
    left join billing_issues on accounts.account_id = billing_issues.account_id
)

select
    judged.*,
    judged.high_health
    and judged.no_billing_issue
    and (judged.plan_limit or judged.approaching_limit or judged.seat_growth or judged.feature_requests) as qualified
from judged
