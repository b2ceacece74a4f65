{# The rates that models/definitions.md defines in words, each computed here and nowhere else. #}
{% macro ctr(clicked="clicked_impressions", shown="impressions") -%}
    {{ clicked }} / nullif({{ shown }}, 0)
{%- endmacro %}


{# A list's own diversity, over the rows of its first 10 items. #}
{% macro diversity(category) -%}
    count(distinct {{ category }}) / count(*)
{%- endmacro %}


{# Few users cannot show a large catalogue, however varied their lists are: users * 10 / 4 items at most. #}
{% macro coverage(shown_items, available_items, users) -%}
    {{ shown_items }} / least({{ available_items }}, {{ most_items_of(users) }})
{%- endmacro %}


{% macro most_items_of(users) -%}
    {{ users }} * 10 / 4
{%- endmacro %}


{% macro share_of_day(part) -%}
    {{ part }} / nullif(sum({{ part }}) over (partition by event_date), 0)
{%- endmacro %}
