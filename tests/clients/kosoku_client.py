"""Runs the cases of Autobahn against a server and against the same server behind the gateway.

    python kosoku_client.py DIRECT_URL GATEWAY_URL CASE…

Cases may be patterns such as 1.*. Each has to come to the same verdict both ways. Some come to one of two by chance:
whether a server still answers what stood before a fault depends on when it is scheduled. So those that differ are run
again, both ways, and differ where none of the gateway's verdicts is one of the server's own. What came of it is
printed; the exit code is 1 where a verdict differs, or where there were no cases."""

import asyncio
import collections
import os
import sys

from kosoku import FailureError, run_fuzzingclient


# How often a case that differs is run again.
AGAIN = 4


async def verdicts(url, cases):
    try:
        results = await run_fuzzingclient(url, cases, None, concurrency=4)
    except FailureError as failed:
        results = failed.results
    return {result.case_id: (result.behavior.value, result.behavior_close.value) for result in results}


async def main(direct_url, gateway_url, *cases):
    direct = await verdicts(direct_url, list(cases))
    gateway = await verdicts(gateway_url, list(cases))
    differing = {
        case: ({direct.get(case)}, {gateway.get(case)})
        for case in direct | gateway
        if behaviour(direct.get(case)) != behaviour(gateway.get(case))
    }
    for _ in range(AGAIN if differing else 0):
        for url, which in ((direct_url, 0), (gateway_url, 1)):
            for case, verdict in (await verdicts(url, list(differing))).items():
                differing[case][which].add(verdict)
    wrong = 0
    for case, (without, within) in sorted(differing.items()):
        print(f"{case}: {without} direct, {within} behind the gateway")
        wrong += not {behaviour(verdict) for verdict in without} & {behaviour(verdict) for verdict in within}
    print(f"{len(direct)} cases; direct {dict(collections.Counter(direct.values()))}")
    return 1 if wrong or not direct else 0


def behaviour(verdict):
    return verdict and verdict[0]


code = asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
# Its threads may still run, and abort an ordinary exit.
os._exit(code)
