#!/usr/bin/env bash
# Brings a stack to the release in build/ (image.tar.gz, function.zip), in two steps: release.sh infra|app STACK
# infra: the image, then the infrastructure. app: logins, tables, function package, smoke test; when that fails, the
# package that was live before goes back. docs/adr/0015 says why in this order.
# Exit status: 0 done, 1 it does not work, 2 wrong usage.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -ne 2 || ! $1 =~ ^(infra|app)$ ]]; then
    echo "usage: $0 infra|app STACK" >&2
    exit 2
fi
stack=$2
commit=${GITHUB_SHA:-$(git rev-parse HEAD)}
for file in build/image.tar.gz build/function.zip; do
    if [[ ! -f $file ]]; then
        echo "$file is missing: make package image" >&2
        exit 2
    fi
done

step() { echo "== $stack: $*"; }
output() { jq --exit-status --raw-output "$1" <<<"$outputs"; }
job() { infra/run_job.sh "$group" "$(output ".jobs.$1")"; }
publish() { az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$1" --output none; }

outputs=$(pulumi stack output --json --stack "$stack")
group=$(output .resourceGroup) app=$(output .functionApp) registry=$(output .registry)
az acr login --name "${registry%%.*}" --output none

if [[ $1 == infra ]]; then
    step "image of $commit"
    docker load --quiet --input build/image.tar.gz
    docker tag payments:build "$registry/payments:$commit"
    docker push --quiet "$registry/payments:$commit"
    image=$(docker inspect --format '{{index .RepoDigests 0}}' "$registry/payments:$commit")
    step "infrastructure; jobs on $image"
    exec pulumi up --yes --skip-preview --non-interactive --suppress-progress --stack "$stack" \
        --policy-pack infra/policies --config "payments-ingest:image=$image"
fi

step "logins and tables"
job bootstrap
job migrate

live=$registry/function-package:live # the last package that passed the smoke test here
rm -f build/previous.zip
if docker pull --quiet "$live"; then
    container=$(docker create "$live" none)
    docker cp "$container:/function.zip" build/previous.zip
    docker rm "$container" >/dev/null
fi
step "function package"
if publish build/function.zip && step "smoke test" && job smoke; then
    tar --create --directory build function.zip | docker import --message "$commit" - "$live" >/dev/null
    docker push --quiet "$live"
    step "$commit is live"
    exit 0
fi

if [[ ! -f build/previous.zip ]]; then
    echo "$stack: $commit does not work, and no earlier package is known that did. Mend it and release again." >&2
    exit 1
fi
step "rolling back"
publish build/previous.zip
job smoke || echo "$stack: the earlier package fails too: look at the stores and the hub (docs/runbook.md)." >&2
echo "$stack: $commit does not work; the package that was live before is back. Tables and infrastructure stay new." >&2
exit 1
