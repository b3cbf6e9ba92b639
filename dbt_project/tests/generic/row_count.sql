{# Fails unless the model has exactly `rows` rows. #}
{% test row_count(model, rows) %}
select count(*) as found
from {{ model }}
having count(*) <> {{ rows }}
{% endtest %}
