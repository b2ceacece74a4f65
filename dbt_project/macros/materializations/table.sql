{#
    Takes the place of dbt-duckdb's materialization: the table is replaced in one transaction, which other connections
    see as a whole or not at all, so that no second name is needed. Contracts are dbt's own.
#}
{% materialization table, adapter="duckdb" %}
    {%- set target = relation_to_replace("table") -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {{ replace_table(target, sql) }}
        {{ comments_on(target) }}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}


{% macro replace_table(relation, query) -%}
    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(query) }}
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} by name (
            {{ query }}
        );
    {%- else -%}
        create or replace table {{ relation }} as (
            {{ query }}
        );
    {%- endif -%}
{%- endmacro %}
