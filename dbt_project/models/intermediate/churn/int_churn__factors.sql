with
standing as (
    select account_id from {{ ref('int_accounts__standing') }}
    where is_scored
),

evidence as (
    select * from {{ ref('int_churn__evidence') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
    where not is_known
),

settings as (
    select * from {{ ref('stg_policy__churn_settings') }}
),

looked_at as (
    {% for factor, stream in churn_factor_streams() %}
        select
            '{{ factor }}' as factor,
            '{{ stream }}' as stream
        {{ "union all" if not loop.last }}
    {% endfor %}
),

-- Why the absence of a factor can't be known: one row, null where everything it looks at was read.
gaps as (
    select {{ joined_by_factor('looked_at.factor', 'streams.gap_words', ', ', ['streams.stream']) }}
    from looked_at
    inner join streams on looked_at.stream = streams.stream
),

worded as (
    select
        account_id,
        factor,
        {{ join_text('words', '; ', ['age_days', 'kind', 'record_id']) }} as words
    from evidence
    group by account_id, factor
),

found as (
    select
        account_id,
    {%- for factor in churn_factor_names() %}
        max(case when factor = '{{ factor }}' then words end) as {{ factor }}{{ "," if not loop.last }}
    {%- endfor %}
    from worded
    group by account_id
),

-- What is said where nothing was found, though everything was looked at.
absent as (
    select
        'none in the last ' || {{ days_words('leadership_change_days') }} as leadership_change,
        'none in the last ' || {{ days_words('budget_pressure_days') }} as budget_pressure,
        'none in the last ' || {{ days_words('competitive_inquiry_days') }} as competitive_inquiry,
        'none in the last ' || {{ days_words('recent_outage_days') }} as recent_outage,
        'fewer than ' || cast(engagement_decline_least as {{ type_text() }})
        || ' of QBR attendance, logins and response time got worse by '
        || {{ number_words('engagement_decline_pct') }} || ' % or more in the last '
        || {{ days_words('engagement_decline_days') }} as engagement_decline
    from settings
),

told as (
    select
        standing.account_id,
        {% for factor in churn_factor_names() %}
            found.{{ factor }} is not null as {{ factor }},
            coalesce(found.{{ factor }}, 'not known: ' || gaps.{{ factor }}, absent.{{ factor }})
                as {{ factor }}_evidence,
        {% endfor %}
        found.account_id is not null as has_evidence
    from standing
    cross join gaps
    cross join absent
    left join found on standing.account_id = found.account_id
)

select * from told
