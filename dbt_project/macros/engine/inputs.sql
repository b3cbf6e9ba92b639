{# How both engines read the frozen inputs of a run: one folder of Parquet files a table. #}

{% macro read_input(relation) -%}
  {{ return(adapter.dispatch('read_input')(relation)) }}
{%- endmacro %}

{% macro input_folder(relation) -%}
  {{ return(env_var('ACCOUNT_HEALTH_INPUTS') ~ '/' ~ relation.schema ~ '/' ~ relation.identifier) }}
{%- endmacro %}

{% macro default__read_input(relation) -%}
  read_parquet('{{ input_folder(relation) | replace("'", "''") }}/*.parquet')
{%- endmacro %}

{% macro spark__read_input(relation) -%}
  parquet.`{{ input_folder(relation) | replace('`', '``') }}`
{%- endmacro %}
