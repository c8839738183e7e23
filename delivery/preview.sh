#!/usr/bin/env bash
# What a stack would become: preview.sh STACK [FILE]   with FILE, the preview is written there as Markdown, for a comment
# Or whether it is still what it was made to be: preview.sh --drift STACK   exit status 1 when it is not
set -euo pipefail
cd "$(dirname "$0")/.."

drift=false
if [[ ${1:-} == --drift ]]; then
    drift=true
    shift
fi
if [[ $# -lt 1 || $# -gt 2 ]]; then
    echo "usage: $0 STACK [FILE] | --drift STACK" >&2
    exit 2
fi
stack=$1 file=${2:-}

# The image is the release's business (delivery/release.sh): a preview takes the one that the stack has.
image=$(pulumi stack output --stack "$stack" image 2>/dev/null) || image=
command=(pulumi preview --non-interactive --suppress-progress --color never --stack "$stack" --policy-pack infra/policies)
[[ -z $image ]] || command+=(--config "payments-ingest:image=$image")
if $drift; then
    exec "${command[@]}" --refresh --expect-no-changes
fi
if [[ -z $file ]]; then
    exec "${command[@]}" --diff
fi

status=0
text=$("${command[@]}" --diff 2>&1) || status=$?
mkdir -p "$(dirname "$file")"
{
    echo "### \`$stack\`: $([[ $status == 0 ]] && echo "what this change would do" || echo "the preview **failed**")"
    echo
    echo "<details><summary>pulumi preview</summary>"
    echo
    echo '```diff'
    head --bytes 20000 <<<"$text" # three of them fit into a comment
    echo
    echo '```'
    echo "</details>"
} >"$file"
exit "$status"
