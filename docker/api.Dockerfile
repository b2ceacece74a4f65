# The lookup API and what it imports, nothing more. Build from the repository's root.
FROM python:3.12-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY docker/api-requirements.lock /tmp/requirements.lock
RUN /opt/venv/bin/pip install --require-hashes --no-deps -r /tmp/requirements.lock

FROM python:3.12-slim-bookworm

RUN useradd --uid 10001 --create-home --home-dir /home/reco reco \
    && mkdir -p /opt/reco/data && chown -R reco /opt/reco
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/reco
COPY reco.toml ./
COPY reco_contracts reco_contracts
COPY serving_api serving_api

USER reco
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/reco \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RECO_CONFIG=/opt/reco/reco.toml \
    RECO_LOG_FORMAT=json \
    RECO_SERVING__HOST=0.0.0.0
EXPOSE 8080
CMD ["granian", "--interface", "rsgi", "--loop", "uvloop", "--http", "1", "--no-ws", "--host", "0.0.0.0", \
     "--port", "8080", "--workers", "2", "--respawn-failed-workers", "--no-access-log", "--log-level", "warning", \
     "serving_api.app:app"]
