"""Runs the cases of Autobahn against a server and against the same server behind the gateway.

    python kosoku_client.py DIRECT_URL GATEWAY_URL CASE…

Cases may be patterns such as 1.*. Each has to come to the same verdict both ways, about the messages and about the
close. What came of it is printed; the exit code is 1 where a verdict differs, or where there were no cases."""

import asyncio
import collections
import os
import sys

from kosoku import FailureError, run_fuzzingclient


async def verdicts(url, cases):
    try:
        results = await run_fuzzingclient(url, cases, None, concurrency=4)
    except FailureError as failed:
        results = failed.results
    return {result.case_id: (result.behavior.value, result.behavior_close.value) for result in results}


async def main(direct_url, gateway_url, *cases):
    direct = await verdicts(direct_url, list(cases))
    gateway = await verdicts(gateway_url, list(cases))
    differing = {case: (direct.get(case), gateway.get(case)) for case in direct | gateway}
    differing = {case: both for case, both in differing.items() if both[0] != both[1]}
    for case, (without, within) in sorted(differing.items()):
        print(f"{case}: {without} direct, {within} behind the gateway")
    print(f"{len(direct)} cases; direct {dict(collections.Counter(direct.values()))}")
    return 1 if differing or not direct else 0


code = asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
# Its threads may still run, and abort an ordinary exit.
os._exit(code)
