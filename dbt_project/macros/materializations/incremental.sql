{#
    Takes the place of dbt-duckdb's materialization. Rows that come later must fit the columns that the contract gave the
    table when it was made whole, or their insert fails; a model whose definition changed is made whole, so that nothing
    is compared with the columns that are there; comments are renewed then too. What a strategy does, and what it notes of it, is one transaction.
#}
{% materialization incremental, adapter="duckdb" %}
    {%- set is_whole = load_cached_relation(this) is none or not load_cached_relation(this).is_table
        or should_full_refresh() -%}
    {%- set target = relation_to_replace("table") -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {% if is_whole %}
            {{ replace_table(target, sql) }}
            {{ comments_on(target) }}
        {% else %}
            {{ incremental_statements(target, sql) }}
        {% endif %}
        {% if replaces_dates(model) %}{{ record_partitions() }}{% elif notes_its_inputs(model) %}{{ record_inputs() }}{% endif %}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}


{# A strategy of ours, or one of dbt's that needs the columns alone. #}
{% macro incremental_statements(target, query) -%}
    {%- set strategy = config.get("incremental_strategy") -%}
    {%- if replaces_dates(model) -%}
        {{ context["get_incremental_" ~ strategy ~ "_sql"]({"target_relation": target, "new_rows": query}) }}
    {%- elif strategy == "replace_whole" -%}
        {{ get_incremental_replace_whole_sql({"target_relation": target, "new_rows": query}) }}
    {%- elif strategy == "append" -%}
        insert into {{ target }} by name (
            {{ query }}
        );
    {%- else -%}
        {%- do exceptions.raise_compiler_error(
            model.name ~ " has the incremental strategy " ~ strategy
            ~ "; expected replace_dates, replace_dates_and_copies, replace_whole or append"
        ) -%}
    {%- endif -%}
{%- endmacro %}
