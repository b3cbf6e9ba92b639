{#
  The rate that turns an amount into the reporting currency: 1 for the reporting currency itself (a blank currency
  is that), else the latest rate with valid_from on or before the smaller of as_of and the fact's own date (spec 05).
  To be used with `rate_join`, which brings the rate period in under the name `rates`.
#}
{% macro rate_join(fact, currency, dated) %}
left join {{ ref('int_fx__rate_periods') }} as rates
    on
        {{ fact }}.{{ currency }} = rates.currency
        and least({{ fact }}.{{ dated }}, run.as_of_date) >= rates.valid_from
        and (rates.valid_before is null or least({{ fact }}.{{ dated }}, run.as_of_date) < rates.valid_before)
{% endmacro %}

{% macro in_reporting_currency(amount, currency) -%}
    cast(
        round(
            case
                when coalesce({{ currency }}, run.reporting_currency) = run.reporting_currency then cast({{ amount }} as decimal(37, 16))
                else {{ amount }} * rates.rate_to_reporting
            end,
            2
        ) as decimal(18, 2)
    )
{%- endmacro %}
