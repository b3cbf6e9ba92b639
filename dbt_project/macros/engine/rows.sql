{# Rows made from nothing, and whole-row choices. #}

{% macro whole_numbers(first, last) -%}
  {{ return(adapter.dispatch('whole_numbers')(first, last)) }}
{%- endmacro %}

{% macro default__whole_numbers(first, last) -%}
  (select cast(range as integer) as n from range({{ first }}, {{ last }} + 1))
{%- endmacro %}

{% macro spark__whole_numbers(first, last) -%}
  (select cast(id as int) as n from range({{ first }}, {{ last }} + 1))
{%- endmacro %}
