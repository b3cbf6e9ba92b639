{#
  Fiscal quarters as whole numbers that grow by one a quarter, so that "one of the next four" is a comparison.
  Year times four plus the quarter, counted from the month the fiscal year starts in.
#}
{% macro fiscal_quarter_number(date, fiscal_year_start_month) -%}
    cast(floor(
        (extract(year from {{ date }}) * 12 + extract(month from {{ date }}) - {{ fiscal_year_start_month }}) / 3.0
    ) as int)
{%- endmacro %}

{# First day of a fiscal quarter, from its number. #}
{% macro fiscal_quarter_starts_on(quarter, fiscal_year_start_month) -%}
    {{ add_months_to("cast('0001-01-01' as date)", quarter ~ ' * 3 + ' ~ fiscal_year_start_month ~ ' - 13') }}
{%- endmacro %}

{# The name people use: FY2026-Q2. A fiscal year is named by the calendar year it ends in. #}
{% macro fiscal_quarter_name(quarter, fiscal_year_start_month) -%}
    'FY' || cast(
        cast(floor({{ quarter }} / 4.0) as int) + case when {{ fiscal_year_start_month }} > 1 then 1 else 0 end
        as {{ type_text() }}
    ) || '-Q' || cast({{ quarter }} - 4 * cast(floor({{ quarter }} / 4.0) as int) + 1 as {{ type_text() }})
{%- endmacro %}
