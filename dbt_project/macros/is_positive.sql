{# Whether a day of one user and item counts as a hit in evaluation: SQL over the columns of `fct_interactions`. #}
{% macro is_positive(positive_events) -%}
    {%- set conditions = {
        "view": "views > 0",
        "click": "clicks > 0",
        "add_to_cart": "add_to_carts > 0",
        "purchase": "purchases > 0",
        "rating": "coalesce(rating >= " ~ var("rating_positive_min") ~ ", false)",
    } -%}
    (false{% for event_type, condition in conditions.items() if event_type in positive_events %} or {{ condition }}{% endfor %})
{%- endmacro %}
