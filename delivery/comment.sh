#!/usr/bin/env bash
# Writes the previews as one comment of a pull request, in place of the earlier one: comment.sh PULL_REQUEST FILE...
# Needs GH_TOKEN and GH_REPO, as gh does.
set -euo pipefail

if [[ $# -lt 2 ]]; then
    echo "usage: $0 PULL_REQUEST FILE..." >&2
    exit 2
fi
pull_request=$1
shift
cat -- "$@" | gh pr comment "$pull_request" --edit-last --create-if-none --body-file -
