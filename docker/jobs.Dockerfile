# Everything but the lookup API: the `reco` command, dbt, Airflow. Build from the repository's root.
FROM python:3.12-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
# The lock alone first: the layer stays while only our own code changes.
COPY docker/jobs-requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/requirements.lock

FROM python:3.12-slim-bookworm

# implicit and scikit-learn need OpenMP's runtime.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --home-dir /home/reco reco \
    && mkdir -p /opt/reco/data /opt/airflow && chown -R reco /opt/reco /opt/airflow
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/reco
COPY --chown=reco pyproject.toml README.md reco.toml ./
COPY --chown=reco reco_contracts reco_contracts
COPY --chown=reco expectations expectations
COPY --chown=reco feature_repo feature_repo
COPY --chown=reco jobs jobs
COPY --chown=reco serving_api serving_api
COPY --chown=reco reco_client reco_client
COPY --chown=reco dbt_project dbt_project
COPY --chown=reco dags dags
# Editable: dags/, dbt_project/ and feature_repo/ are found beside the packages.
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation --editable .

USER reco
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    RECO_CONFIG=/opt/reco/reco.toml \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false \
    FEAST_USAGE=False \
    GX_ANALYTICS_ENABLED=false \
    SCARF_ANALYTICS=false
CMD ["reco", "--help"]
