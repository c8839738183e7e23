# `payments consume` as a container: the function's work without the Functions host (docs/local.md).
# The base is pinned by tag. The first build with a registry at hand should add its digest (docker buildx imagetools inspect).
FROM python:3.12.12-slim-bookworm AS build
WORKDIR /build
COPY requirements/consume.txt ./
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r consume.txt
COPY packages ./packages
RUN /app/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps ./packages/core ./packages/storage ./packages/cli

FROM python:3.12.12-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin payments
COPY --from=build /app /app
USER 10001
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["payments"]
CMD ["consume", "--health-host", "0.0.0.0"]
