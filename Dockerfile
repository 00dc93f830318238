# The web process, the worker and the migrations are the same image with another command.
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates make python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 flyways

WORKDIR /srv/flyways
RUN chown flyways /srv/flyways
USER flyways
COPY --chown=flyways . .
# The database is elsewhere, so none is installed here.
RUN FLYWAYS_DATABASE_URL=elsewhere python3 -m app.install

ENV PATH=/srv/flyways/.venv/bin:$PATH FLYWAYS_HOST=0.0.0.0 FLYWAYS_LOG_FORMAT=json
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
CMD ["flyways", "serve"]
