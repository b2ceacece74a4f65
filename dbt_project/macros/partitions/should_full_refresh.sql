{#
    Takes the place of dbt's macro of this name: a model that notes its inputs is
    also built whole when its definition is another one than that of its rows. Settings
    of reco.toml are part of the SQL (an event's weight), and so of the definition.
#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get("full_refresh") -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- do return(asked or (execute and notes_its_inputs(model) and is_definition_changed())) -%}
{%- endmacro %}


{% macro is_definition_changed() -%}
    {#- `definition_hash` renders the model, which asks again: it wants the SQL of a full build. -#}
    {%- if partition_memo("rendering").get(model.unique_id) -%}
        {%- do return(true) -%}
    {%- endif -%}
    {%- set table = source("warehouse", "definitions") -%}
    {%- if adapter.get_relation(table.database, table.schema, table.identifier) is none -%}
        {%- do return(true) -%}
    {%- endif -%}
    {%- do return(definition_hash() not in partition_state().definitions) -%}
{%- endmacro %}


{# What the rows are made by: the model's SQL for a full build, and that of the views between it and its inputs. #}
{% macro definition_hash() -%}
    {%- set memo = partition_memo("definitions") -%}
    {%- if model.unique_id not in memo -%}
        {%- do partition_memo("rendering").update({model.unique_id: true}) -%}
        {%- set texts = [render(model.raw_code)] -%}
        {%- do partition_memo("rendering").update({model.unique_id: false}) -%}
        {%- do memo.update({model.unique_id: local_md5((texts + partition_state().views) | join("\n"))}) -%}
    {%- endif -%}
    {%- do return(memo[model.unique_id]) -%}
{%- endmacro %}


{% macro views_between(node) -%}
    {%- set found = [] -%}
    {%- for unique_id in node.depends_on.nodes if unique_id in graph.nodes -%}
        {%- set input = graph.nodes[unique_id] -%}
        {%- if input.config.materialized == "view" -%}
            {%- do found.append(input.schema ~ "." ~ input.name) -%}
            {%- do found.extend(views_between(input)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(found | unique | sort) -%}
{%- endmacro %}
