{#
    Takes the place of dbt's macro of this name: tests of a model that replaces
    dates, or of a view over one such input, look at the dates that they have not
    passed yet. `reco dbt build --all-dates` looks at all of them.
#}
{% macro get_where_subquery(relation) -%}
    {%- set conditions = [config.get("where")] if config.get("where") else [] -%}
    {%- set tested = graph.nodes.get(model.get("attached_node")) if execute -%}
    {%- if tested and tested_partitions(tested) -%}
        {%- do conditions.append(is_date_to_test(tested.name)) -%}
    {%- endif -%}
    {%- if conditions -%}
        {%- do return("(select * from " ~ relation ~ " where " ~ conditions | join(" and ") ~ ") as dbt_subquery") -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}


{# SQL for a test of its own: whether `event_date` is a date that the tests of a model have not passed yet. #}
{% macro is_date_to_test(model_name) -%}
    {%- set dates = dates_to_test(model_name) if execute -%}
    {%- if dates is none or not execute -%} true {%- else -%} event_date in ({{ date_literals(dates) }}) {%- endif -%}
{%- endmacro %}


{# The dates whose version is not the one that passed; none stands for all. #}
{% macro dates_to_test(model_name) -%}
    {%- if env_var("RECO_DBT_TEST_ALL_DATES", "false") == "true" -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set memo = partition_memo("to test") -%}
    {%- if model_name not in memo -%}
        {%- set node = graph.nodes.values() | selectattr("resource_type", "eq", "model")
            | selectattr("name", "eq", model_name) | first -%}
        {%- set query -%}
            select versions.event_date
            from {{ source("warehouse", "partition_versions") }} as versions
            left join {{ source("warehouse", "partition_reads") }} as reads
                on
                    reads.node = 'tests of {{ model_name }}'
                    and versions.node = reads.upstream
                    and versions.event_date = reads.event_date
            where
                versions.node = '{{ tested_partitions(node) }}'
                and versions.version is distinct from reads.version
            order by versions.event_date
        {%- endset -%}
        {%- do memo.update({model_name: run_query(query).columns[0].values() | list}) -%}
    {%- endif -%}
    {%- do return(memo[model_name]) -%}
{%- endmacro %}


{# Whose versions say what of a model is new to its tests: its own, or those of what a view looks at; else none. #}
{% macro tested_partitions(node) -%}
    {%- if replaces_dates(node) -%}
        {%- do return(node.name) -%}
    {%- endif -%}
    {%- set is_dated_view = node.config.materialized == "view" and "event_date" in node.columns -%}
    {%- set inputs = partitioned_inputs(node) if is_dated_view else [] -%}
    {%- do return(inputs[0] if inputs | length == 1) -%}
{%- endmacro %}


{# On-run-end: note the versions that passed, of each model all of whose tests ran and none of which failed. #}
{% macro record_tested_dates(results) -%}
    {%- if execute and flags.WHICH in ("build", "test") -%}
        {%- set versions = source("warehouse", "partition_versions") -%}
        {%- set reads = source("warehouse", "partition_reads") -%}
        {%- set passed = [] -%}
        {%- for unique_id, node in graph.nodes.items() if node.resource_type == "model" and tested_partitions(node) -%}
            {%- if has_passed_its_tests(unique_id, results) -%}
                {%- do passed.append("('tests of " ~ node.name ~ "', '" ~ tested_partitions(node) ~ "')") -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if passed %}
            create or replace temp table passed as
            select * from (values {{ passed | join(", ") }}) as passed (tests, node);
            delete from {{ reads }} where node in (select tests from passed);
            insert into {{ reads }} (node, upstream, event_date, version)
            select
                passed.tests,
                versions.node,
                versions.event_date,
                versions.version
            from {{ versions }} as versions
            inner join passed on versions.node = passed.node;
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#
    A test that also needs a model of the other half (inputs, outcomes) is not waited for: the halves are built apart.
#}
{% macro has_passed_its_tests(unique_id, results) -%}
    {%- set tags = graph.nodes[unique_id].tags -%}
    {%- set counts = {"passed": 0, "failed": 0, "all": 0} -%}
    {%- for result in results if result.node.resource_type == "test" and unique_id in result.node.depends_on.nodes -%}
        {%- if result.status not in ("pass", "warn") -%}
            {%- do counts.update({"failed": counts.failed + 1}) -%}
        {%- elif is_test_of_half(result.node, unique_id, tags) -%}
            {%- do counts.update({"passed": counts.passed + 1}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == "test" and is_test_of_half(node, unique_id, tags) -%}
        {%- do counts.update({"all": counts.all + 1}) -%}
    {%- endfor -%}
    {%- do return(counts.failed == 0 and counts.all > 0 and counts.passed == counts.all) -%}
{%- endmacro %}


{% macro is_test_of_half(test, unique_id, tags) -%}
    {%- set others = [] -%}
    {%- for parent in test.depends_on.nodes if parent in graph.nodes and graph.nodes[parent].tags != tags -%}
        {%- do others.append(parent) -%}
    {%- endfor -%}
    {%- do return(test.attached_node == unique_id and not others) -%}
{%- endmacro %}


{# The dates of the events of all files that have a row on a date to test; none stands for all. #}
{% macro dates_of_files_to_test() -%}
    {%- set dates = dates_to_test("stg_reco__events") if execute -%}
    {%- if dates is none or not execute -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set query -%}
        select distinct unnest(event_dates) as event_date
        from {{ source("warehouse", "ledger") }}
        where kind = 'events' and list_has_any(event_dates, [{{ date_literals(dates) }}])
        order by event_date
    {%- endset -%}
    {%- do return(run_query(query).columns[0].values() | list) -%}
{%- endmacro %}
