{%- set factors = churn_factor_names() -%}
{%- set factor_words = [] -%}
{%- for factor in factors -%}
    {%- do factor_words.append(factor ~ '_words') -%}
{%- endfor -%}
with
profiles as (
    select
        found.*,
        {% for factor in factors %}
            case when found.{{ factor }} then ' {{ factor }}' else '' end as {{ factor }}_words,
        {% endfor %}
        case when found.outcome = 'left' then found.accounts else 0 end as churned
    from {{ ref('int_backtest__profiles') }} as found
    inner join {{ ref('stg_policy__backtest_settings') }} as settings
        on found.horizon_days = settings.fitted_horizon_days
    where found.outcome in ('left', 'stayed')
),

settings as (
    select
        backtest.*,
        cast(backtest.interval_z as double) as z,
        {% for factor in factors %}
            churn.{{ factor }}_addition,
        {% endfor %}
        churn.renewal_soon_addition,
        churn.renewal_later_addition,
        churn.base_red,
        churn.base_yellow,
        churn.base_green
    from {{ ref('stg_policy__backtest_settings') }} as backtest
    cross join {{ ref('stg_policy__churn_settings') }} as churn
),

standing as (
    select * from {{ ref('int_backtest__standing') }}
),

-- Every value that may be suggested, in the order of the policy.
parameters as (
    {% for status in ['red', 'yellow', 'green'] %}
        select
            {{ loop.index }} as parameter_order,
            'base' as kind,
            'base_pct.{{ status }}' as parameter,
            base_{{ status }} as value_now
        from settings
        union all
    {% endfor %}
    {% for renewal in ['soon', 'later'] %}
        select
            {{ loop.index + 3 }} as parameter_order,
            'addition' as kind,
            'renewal.{{ renewal }}_addition' as parameter,
            renewal_{{ renewal }}_addition as value_now
        from settings
        union all
    {% endfor %}
    {% for factor in factors %}
        select
            {{ loop.index + 5 }} as parameter_order,
            'addition' as kind,
            'factors.{{ factor }}.addition' as parameter,
            {{ factor }}_addition as value_now
        from settings
        {{ "union all" if not loop.last }}
    {% endfor %}
),

-- A base is what an account begins with that nothing else is said of.
plain as (
    select
        'base_pct.' || {{ lower_text('status') }} as parameter,
        cast(sum(accounts) as bigint) as accounts,
        cast(sum(churned) as bigint) as churned
    from profiles
    where
        renewal = 'none'
        {% for factor in factors %}
            and not {{ factor }}
        {% endfor %}
    group by status
),

-- An addition is what accounts that have it leave more often than those that are the same in all else.
sides as (
    {% for renewal in ['soon', 'later'] %}
        select
            'renewal.{{ renewal }}_addition' as parameter,
            status || {{ factor_words | join(' || ') }} as the_same,
            renewal = '{{ renewal }}' as has_it,
            accounts,
            churned
        from profiles
        where renewal in ('none', '{{ renewal }}')
        union all
    {% endfor %}
    {% for factor in factors %}
        select
            'factors.{{ factor }}.addition' as parameter,
            status || ' ' || renewal || {{ factor_words | reject('equalto', factor ~ '_words') | join(' || ') }}
                as the_same,
            {{ factor }} as has_it,
            accounts,
            churned
        from profiles
        {{ "union all" if not loop.last }}
    {% endfor %}
),

strata as (
    select
        parameter,
        the_same,
        cast(sum(case when has_it then accounts else 0 end) as bigint) as with_it,
        cast(sum(case when has_it then churned else 0 end) as bigint) as with_it_churned,
        cast(sum(case when has_it then 0 else accounts end) as bigint) as others,
        cast(sum(case when has_it then 0 else churned end) as bigint) as others_churned
    from sides
    group by parameter, the_same
),

-- Shares that lean a little towards the middle, so that a handful of accounts of one fate isn't taken for certainty.
leaning as (
    select
        *,
        cast(with_it as double) as n1,
        cast(others as double) as n0,
        (cast(with_it_churned as double) + 1 / cast(2 as double)) / (with_it + 1) as p1,
        (cast(others_churned as double) + 1 / cast(2 as double)) / (others + 1) as p0
    from strata
    where with_it > 0 and others > 0
),

-- Mantel and Haenszel's difference of risks: each stratum weighs as much as it can tell.
differing as (
    select
        parameter,
        cast(sum(with_it) as bigint) as accounts,
        cast(sum(with_it_churned) as bigint) as churned,
        cast(sum(others) as bigint) as compared_accounts,
        cast(sum(others_churned) as bigint) as compared_churned,
        sum(n1 * n0 / (n1 + n0)) as weight,
        100 * sum((with_it_churned * n0 - others_churned * n1) / (n1 + n0)) / sum(n1 * n0 / (n1 + n0)) as points,
        100 * sqrt(
            sum(
                n1 * n0 / (n1 + n0) * n1 * n0 / (n1 + n0) * (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
            )
        ) / sum(n1 * n0 / (n1 + n0)) as standard_error
    from leaning
    group by parameter
),

-- The value in force weighs as much as some accounts.
shrunk as (
    select
        parameters.*,
        coalesce(plain.accounts, differing.accounts, 0) as accounts,
        coalesce(plain.churned, differing.churned, 0) as churned,
        case when parameters.kind = 'addition' then coalesce(differing.compared_accounts, 0) end as compared_accounts,
        case when parameters.kind = 'addition' then coalesce(differing.compared_churned, 0) end as compared_churned,
        case
            when parameters.kind = 'base'
                then cast(plain.churned as double) * 100 / nullif(plain.accounts, 0)
            else differing.points
        end as observed,
        case
            when parameters.kind = 'base'
                then
                    cast(plain.churned * 100 + settings.shrinkage_accounts * parameters.value_now as double)
                    / (plain.accounts + settings.shrinkage_accounts)
            else
                (
                    differing.weight * differing.points
                    + settings.shrinkage_accounts * cast(parameters.value_now as double)
                )
                / (differing.weight + settings.shrinkage_accounts)
        end as suggested,
        case
            when parameters.kind = 'base'
                then {{ wilson_low(
                    '(plain.churned + settings.shrinkage_accounts * parameters.value_now / 100)',
                    '(plain.accounts + settings.shrinkage_accounts)',
                    'settings.z'
                ) }}
            else {{ reported(
                '(differing.weight * (differing.points - settings.z * differing.standard_error)'
                ~ ' + settings.shrinkage_accounts * cast(parameters.value_now as double))'
                ~ ' / (differing.weight + settings.shrinkage_accounts)'
            ) }}
        end as low,
        case
            when parameters.kind = 'base'
                then {{ wilson_high(
                    '(plain.churned + settings.shrinkage_accounts * parameters.value_now / 100)',
                    '(plain.accounts + settings.shrinkage_accounts)',
                    'settings.z'
                ) }}
            else {{ reported(
                '(differing.weight * (differing.points + settings.z * differing.standard_error)'
                ~ ' + settings.shrinkage_accounts * cast(parameters.value_now as double))'
                ~ ' / (differing.weight + settings.shrinkage_accounts)'
            ) }}
        end as high,
        settings.least_accounts
    from parameters
    cross join settings
    left join plain on parameters.parameter = plain.parameter
    left join differing on parameters.parameter = differing.parameter
),

bands as (
    select
        found.*,
        {{ number_words('found.from_pct') }}
        || case
            when found.below_pct is null then ' or more' else ' to ' || {{ number_words('found.below_pct') }}
        end as words
    from {{ ref('int_backtest__bands') }} as found
),

judged as (
    select
        kind,
        parameter,
        parameter_order,
        cast(null as decimal(9, 4)) as from_pct,
        cast(null as decimal(9, 4)) as below_pct,
        value_now,
        {{ reported('observed') }} as observed,
        {{ reported('greatest(0, least(100, suggested))', places=2) }} as suggested_value,
        greatest(0, least(100, low)) as low,
        greatest(0, least(100, high)) as high,
        accounts,
        churned,
        compared_accounts,
        compared_churned,
        case
            when accounts >= least_accounts and coalesce(compared_accounts, least_accounts) >= least_accounts
                then cast(null as {{ type_text() }})
            when kind = 'base'
                then
                    {{ count_words('accounts', 'account', 'accounts') }}
                    || ' without any risk that adds, and it takes ' || cast(least_accounts as {{ type_text() }})
            else
                {{ count_words('accounts', 'account', 'accounts') }} || ' with it, '
                || cast(compared_accounts as {{ type_text() }})
                || ' without that are the same in all else, and it takes '
                || cast(least_accounts as {{ type_text() }}) || ' of each'
        end as reason
    from shrunk
    union all
    select
        'probability' as kind,
        'probability ' || words as parameter,
        band as parameter_order,
        cast(from_pct as decimal(9, 4)) as from_pct,
        cast(below_pct as decimal(9, 4)) as below_pct,
        said_pct as value_now,
        case when accounts > 0 then {{ percentage('churned', 'accounts') }} end as observed,
        cast(fitted_pct as decimal(18, 2)) as suggested_value,
        low_pct as low,
        high_pct as high,
        accounts,
        churned,
        cast(null as bigint) as compared_accounts,
        cast(null as bigint) as compared_churned,
        cast(null as {{ type_text() }}) as reason
    from bands
),

reasoned as (
    select
        judged.*,
        standing.horizon_days,
        coalesce(standing.reason, judged.reason) as why_not
    from judged
    cross join standing
)

select
    kind,
    parameter,
    parameter_order,
    horizon_days,
    from_pct,
    below_pct,
    cast(value_now as decimal(9, 4)) as value_now,
    case when why_not is null then cast(suggested_value as decimal(5, 2)) end as suggested_value,
    case when why_not is null then cast(low as decimal(9, 4)) end as low,
    case when why_not is null then cast(high as decimal(9, 4)) end as high,
    cast(observed as decimal(9, 4)) as observed,
    accounts,
    churned,
    compared_accounts,
    compared_churned,
    why_not as reason
from reasoned
