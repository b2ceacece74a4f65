{#
    On-run-start: the models and data tests of this run are unfinished until they
    have succeeded, in this run or in a later one. So a run that failed, was killed
    or built only a part leaves behind what it did not reach, and whoever copies the
    marts can tell a whole state from one of which a part is new.
#}
{% macro start_nodes() -%}
    {%- if execute and flags.WHICH in ("build", "run", "test", "retry") -%}
        {%- set unfinished = source("warehouse", "unfinished") -%}
        {%- set known = [] -%}
        {%- set started = [] -%}
        {%- for unique_id, node in graph.nodes.items() if node.resource_type in ("model", "test") -%}
            {%- do known.append(unique_id) -%}
            {%- if unique_id in selected_resources -%}
                {%- do started.append("('" ~ unique_id ~ "', '" ~ half_of(node) ~ "')") -%}
            {%- endif -%}
        {%- endfor -%}
        {#- A node that was renamed or removed would else never be finished. -#}
        delete from {{ unfinished }}
        where node not in ({{ quoted_names(known) }}) or node in ({{ quoted_names(selected_resources) }});
        {% if started -%}
            insert into {{ unfinished }} (node, half) values {{ started | join(", ") }};
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{# On-run-end: what succeeded is finished. #}
{% macro finish_nodes(results) -%}
    {%- if execute and flags.WHICH in ("build", "run", "test", "retry") -%}
        {%- set finished = [] -%}
        {%- for result in results if result.status in ("success", "pass", "warn") -%}
            {%- do finished.append(result.node.unique_id) -%}
        {%- endfor -%}
        delete from {{ source("warehouse", "unfinished") }} where node in ({{ quoted_names(finished) }});
    {%- endif -%}
{%- endmacro %}


{# `outcomes` for a model of this tag and for a test that looks at one; all others are made of what was landed. #}
{% macro half_of(node) -%}
    {%- set tags = node.tags | list -%}
    {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
        {%- do tags.extend(graph.nodes[parent].tags) -%}
    {%- endfor -%}
    {%- do return("outcomes" if "outcomes" in tags else "inputs") -%}
{%- endmacro %}
