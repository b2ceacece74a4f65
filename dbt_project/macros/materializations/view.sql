{#
    Takes the place of dbt-duckdb's materialization: one statement, where dbt makes a view beside the old one, renames
    both and drops the old one, a catalogue query between each. Replacing is atomic in DuckDB.
#}
{% materialization view, adapter="duckdb" %}
    {%- set target = relation_to_replace("view") -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        create or replace view {{ target }} as (
            {{ sql }}
        );
        {{ comments_on(target) }}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}


{# What the model makes; of another kind, what is there now is dropped, for nothing replaces a view by a table. #}
{% macro relation_to_replace(relation_type) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing is not none and existing.type != relation_type -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- do return(this.incorporate(type=relation_type)) -%}
{%- endmacro %}


{# The descriptions of the YAML as comments, which DuckDB and BI tools show. A described column that is not there fails. #}
{% macro comments_on(relation) -%}
    comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(model.description) }};
    {%- for column in model.columns.values() %}
    comment on column {{ relation }}.{{ column.name }} is {{ duckdb_escape_comment(column.description) }};
    {%- endfor %}
{%- endmacro %}
