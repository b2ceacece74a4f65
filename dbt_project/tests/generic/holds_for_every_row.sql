{# A condition that each row keeps; a row for which it is unknown fails too. #}
{% test holds_for_every_row(model, condition) %}
    select *
    from {{ model }}
    where ({{ condition }}) is not true
{% endtest %}
