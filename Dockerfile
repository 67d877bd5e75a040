# The engine and the console: `docker build -t charter-kv .`
#
# Not built: no image was pulled where this was written. hadolint finds nothing in it, and the tests
# hold its command lines against the programs.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/charter
COPY requirements-image.lock ./
RUN /opt/charter/bin/pip install --no-cache-dir --require-hashes --requirement requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY charter_engine charter_engine
COPY charter_tui charter_tui
COPY themes themes
COPY examples examples
RUN /opt/charter/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/charter/bin/python -P -m charter_engine.kvcache.predict.compiled.machine_code

FROM python:3.11-slim
# A volume takes its owner from the directory that it covers: what is kept, and the journal of pushes
# beside a repository that is mounted at /models.
RUN useradd --uid 10001 --home-dir /var/lib/charter --shell /usr/sbin/nologin charter \
 && install --directory --owner charter --mode 0700 /var/lib/charter /.models.charter
COPY --from=build /opt/charter /opt/charter
ENV PATH=/opt/charter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CHARTER_STATE=/var/lib/charter/state \
    CHARTER_CACHE=/var/lib/charter/cache
USER 10001
WORKDIR /var/lib/charter
EXPOSE 9464
# Of an engine with `--metrics 0.0.0.0:9464`.
HEALTHCHECK --interval=5s --timeout=2s --start-period=30s --retries=12 \
  CMD ["python3", "-c", "import urllib.request as url; url.urlopen('http://127.0.0.1:9464/healthz', timeout=2)"]
CMD ["charter-engine", "--help"]
