{# Run at the start of every build: says at once that a Spark session lacks a setting the models rely on. #}

{% macro check_engine() -%}
  {{ return(adapter.dispatch('check_engine')()) }}
{%- endmacro %}

{% macro default__check_engine() -%}
{%- endmacro %}

{% macro spark__check_engine() -%}
  {%- if execute -%}
    {%- set wanted = {
      'spark.sql.ansi.enabled': 'true',
      'spark.sql.session.timeZone': 'UTC',
      'spark.sql.timestampType': 'TIMESTAMP_NTZ',
    } -%}
    {%- for setting, value in wanted.items() -%}
      {%- set found = run_query('set ' ~ setting).columns[1].values()[0] -%}
      {%- if found != value -%}
        {{ exceptions.raise_compiler_error(
          "Spark needs " ~ setting ~ "=" ~ value ~ ", but this session has " ~ found ~
          ". Start dbt as the pipeline does, with its profile and with dbt_project/spark on PYTHONPATH."
        ) }}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro %}
