# The commands and the migrations as an image: `payments consume` in place of the Functions host (docs/local.md), and
# what the jobs inside the network run (docs/adr/0012). Nothing is installed that requirements/consume.txt does not pin.
FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS build
COPY requirements/consume.txt ./
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r consume.txt
# Our packages stay source: the way to database/migrations is from them.
RUN printf '/payments/packages/%s/src\n' core storage cli > /app/lib/python3.12/site-packages/payments.pth \
    && printf '#!/app/bin/python\nfrom payments.main import app\napp()\n' > /app/bin/payments \
    && chmod +x /app/bin/payments

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin payments
WORKDIR /payments
COPY --from=build /app /app
COPY packages/core/src packages/core/src
COPY packages/storage/src packages/storage/src
COPY packages/cli/src packages/cli/src
COPY database/bootstrap/bootstrap.py database/bootstrap/bootstrap.py
COPY database/migrations database/migrations
USER 10001
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/live', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["payments"]
CMD ["consume", "--health-host", "0.0.0.0"]
