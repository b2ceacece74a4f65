{#
    All rules of a model in one test, since a test costs more than most of what it asks: the conditions of rows take
    one scan together. It gives a row for each rule that is broken, by name.

    unique: keys, each a column or a list of columns.
    not_null: columns.
    accepted_values: column -> the values that it may have, null apart.
    rules: name -> a condition that each row keeps; a row for which it is unknown breaks it.
#}
{% test keeps_its_rules(model, unique=[], not_null=[], accepted_values={}, rules={}) %}
    {%- set conditions = {} -%}
    {%- for column in not_null -%}
        {%- do conditions.update({column ~ " is not null": column ~ " is not null"}) -%}
    {%- endfor -%}
    {%- for column, values in accepted_values.items() -%}
        {%- set listed = "'" ~ values | join("', '") ~ "'" -%}
        {%- do conditions.update(
            {column ~ " has a value that is accepted": column ~ " is null or " ~ column ~ " in (" ~ listed ~ ")"}
        ) -%}
    {%- endfor -%}
    {%- do conditions.update(rules) -%}
    with

    counted as materialized (
        select
            {% for condition in conditions.values() %}
                count(*) filter (where ({{ condition }}) is not true) as rule_{{ loop.index }},
            {% endfor %}
            0 as no_rule
        from {{ model }}
    ),

    found as (
        {% for name in conditions %}
            select
                '{{ name }}' as rule,
                rule_{{ loop.index }} as failing_rows
            from counted
            union all
        {% endfor %}
        {% for key in unique %}
            {% set columns = key if key is string else key | join(", ") %}
            select
                '{{ columns }}: unique' as rule,
                count(*) as failing_rows
            from (
                select 1
                from {{ model }}
                group by {{ columns }}
                having count(*) > 1
            )
            union all
        {% endfor %}
        select
            'no rule' as rule,
            no_rule as failing_rows
        from counted
    )

    select
        rule,
        failing_rows
    from found
    where failing_rows > 0
{% endtest %}
