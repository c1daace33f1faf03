{% extends "januspore.sh" %}
{# What your cluster wants before the simulations, such as `module load cuda`, goes in this block. #}
{% block custom_content %}
{% endblock custom_content %}
