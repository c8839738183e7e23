"""The one check that branch protection asks for: exit status 0 if each job in NEEDS (`toJSON(needs)`) succeeded.

A job that was skipped or cancelled has proved nothing.
"""

import json
import os
import sys


def main() -> None:
    results = {job: facts["result"] for job, facts in json.loads(os.environ["NEEDS"]).items()}
    for job, result in results.items():
        print(f"{job}: {result}")
    sys.exit(0 if results and set(results.values()) == {"success"} else 1)


if __name__ == "__main__":
    main()
