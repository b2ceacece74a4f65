{# A level of a category tree, 1 = broadest; tags are in no order, so that they have none. #}
{% macro category_level(categories, level) -%}
    {% if var("categories") == "tree" %}{{ categories }}[{{ level }}]{% else %}cast(null as varchar){% endif %}
{%- endmacro %}
