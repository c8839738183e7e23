#!/usr/bin/env bash
# Starts a job of a stack inside its network and waits for its end: run_job.sh RESOURCE_GROUP JOB [SECONDS]
# Exit status: 0 it succeeded, 1 it did not (or not in time, 30 minutes unless said otherwise), 2 wrong usage.
set -euo pipefail

if [[ $# -lt 2 || $# -gt 3 ]]; then
    echo "usage: $0 RESOURCE_GROUP JOB [SECONDS]" >&2
    exit 2
fi
group=$1 job=$2 patience=${3:-1800} pause=${RUN_JOB_PAUSE:-10}

execution=$(az containerapp job start --resource-group "$group" --name "$job" --query name --output tsv)
echo "$job: started as $execution"
while ((SECONDS < patience)); do
    status=$(az containerapp job execution show --resource-group "$group" --name "$job" \
        --job-execution-name "$execution" --query properties.status --output tsv)
    case $status in
    Succeeded)
        echo "$job: succeeded after $SECONDS s"
        exit 0
        ;;
    Failed | Stopped | Degraded)
        echo "$job: $status. What it wrote, in the workspace of $group:" >&2
        echo "    ContainerAppConsoleLogs | where ContainerGroupName startswith \"$execution\" | project TimeGenerated, Log" >&2
        exit 1
        ;;
    esac
    sleep "$pause"
done
echo "$job: not at its end after $patience s; it goes on. az containerapp job execution show says how it ends." >&2
exit 1
