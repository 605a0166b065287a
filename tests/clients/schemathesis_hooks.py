"""What schemathesis has to know about the gateway that it calls: which objects it must not lose, and what some calls
take that no generator could guess. Counts how each operation was answered.

KEYGATE_TEST_RUN names a JSON file that says all of it; the counts are written to the file that it names.
"""

import atexit
import collections
import json
import os
import random
import re
import secrets
import threading

import requests
import schemathesis

with open(os.environ["KEYGATE_TEST_RUN"], encoding="utf-8") as file:
    RUN = json.load(file)
MANAGER = "Bearer " + RUN["token"]
# Without them the run would end: the token that calls, its account, and the user who logs in.
KEPT = set(RUN["kept"])
ID = re.compile("^(tok|acc|usr|msg)_[0-9A-Za-z]{22,}$")
NAME = re.compile("^[A-Za-z0-9_.-]{1,64}$")
CHANCE = random.Random(RUN["seed"])

lock = threading.Lock()
connection = requests.Session()
answers = collections.defaultdict(collections.Counter)
password = RUN["password"]


def call(method, path, body=None):
    with lock:
        answer = connection.request(method, RUN["admin"] + path, json=body, headers={"Authorization": MANAGER}, timeout=60)
    answer.raise_for_status()
    return answer.json()


def name():
    # Not by CHANCE: whoever loads this file twice begins that anew, and logins have to be unique.
    return f"n{secrets.token_hex(8)}"


def token():
    return call("POST", "/v1/tokens", {"name": name(), "grants": {"devices": "read"}})


def rotated():
    made = token()
    call("POST", f"/v1/tokens/{made['id']}/rotate", {"overlap": "1h"})
    return made


def disabled():
    made = token()
    call("POST", f"/v1/tokens/{made['id']}/disable")
    return made


def session():
    return call("POST", "/v1/sessions", {"user": RUN["user"], "account": RUN["account"]})


def account():
    return call("POST", "/v1/accounts", {"name": name()})


def user(home=RUN["account"], roles=("viewer",)):
    return call("POST", "/v1/users", {"login": name() + "@example.org", "account": home, "roles": list(roles)})


def of(make):
    """The path's parameter for an object that is made for the call."""
    return lambda: {"id": make()["id"]}


def member():
    home = account()["id"]
    # Somebody has to be left who owns it.
    user(home, ["owner"])
    return {"id": home, "user": user(home)["id"]}


def webhook():
    """The one that there is, and a message that it could not deliver."""
    dead = call("GET", f"/v1/webhooks/{RUN['webhook']}/dead")["items"]
    return {"name": RUN["webhook"], "message": CHANCE.choice(dead)["id"] if dead else "none"}


# What a path leads to, for calls that would otherwise mostly be about nothing.
OBJECTS = {
    "/v1/tokens/{id}": of(token),
    "/v1/tokens/{id}/enable": of(disabled),
    "/v1/tokens/{id}/rotation/end": of(rotated),
    "/v1/tokens/{id}/rotation/extend": of(rotated),
    "/v1/tokens/{id}/rotation/undo": of(rotated),
    "/v1/tokens/{id}/": of(token),
    "/v1/accounts/{id}/members/{user}": member,
    "/v1/accounts/{id}": of(account),
    "/v1/users/{id}": of(user),
    "/v1/sessions/{id}": of(session),
    "/v1/webhooks/{name}": webhook,
}


def objects(path):
    """Those of the path itself, or else of the longest beginning of it."""
    known = [begin for begin in OBJECTS if path.startswith(begin)]
    return OBJECTS[max(known, key=len)]() if known else {}


def operation(case):
    return case.operation.definition.raw.get("operationId")


@schemathesis.auth(refresh_interval=None)
class Credential:
    def get(self, case, context):
        if operation(case) in ("listSessions", "changePassword", "endCurrentSession"):
            return "Bearer " + session()["token"]
        if operation(case) == "revokeCurrentToken":
            return "Bearer " + token()["token"]
        return MANAGER

    def set(self, case, credential, context):
        case.headers["Authorization"] = credential


@schemathesis.hook
def before_call(context, case, kwargs):
    given = case.path_parameters or {}
    if case.method.upper() != "GET" and any(str(value) in KEPT for value in given.values()):
        lead(case)
    if not RUN["guided"]:
        return
    # What is no id stays as it is: that it is refused is what the call is about.
    look = NAME if "name" in given else ID
    if given and all(look.match(str(value)) for value in given.values()) and CHANCE.random() < 0.4:
        lead(case)
    if isinstance(case.body, dict) and CHANCE.random() < 0.5:
        fill(case)


def lead(case):
    """Makes an object for the call, whatever others have become."""
    found = objects(case.operation.path)
    case.path_parameters.update({name: found[name] for name in case.path_parameters if name in found})
    case.headers.pop("If-Match", None)


def fill(case):
    """Puts into a body what cannot be guessed."""
    if operation(case) == "changePassword":
        case.body["current"] = password
    elif operation(case) == "acceptInvitation":
        case.body["invitation"] = call("POST", f"/v1/users/{user()['id']}/invitation")["invitation"]
    elif operation(case) == "createSession":
        login = {"login": RUN["login"], "password": password}
        case.body = CHANCE.choice([login, {"user": RUN["user"]}]) | {"account": RUN["account"]}
    elif operation(case) == "importTokens":
        key = {"hash": f"{CHANCE.getrandbits(256):064x}", "algorithm": "sha256", "name": name()}
        case.body = {"tokens": [key | {"grants": {"devices": "read"}}]}
    elif operation(case) == "revokeTokens":
        case.body = {"q": token()["name"], "expect": 1}
    elif operation(case) == "addMember" and "user" in case.body:
        case.body["user"] = user()["id"]
    elif operation(case) in ("introspectToken", "revokeText") and "token" in case.body:
        case.body["token"] = token()["token"]


@schemathesis.hook
def after_call(context, case, response):
    global password
    with lock:
        answers[operation(case)][response.status_code] += 1
        if operation(case) == "changePassword" and response.status_code == 204:
            password = case.body["new"]


@atexit.register
def report():
    with open(RUN["answers"], "w", encoding="utf-8") as file:
        json.dump(answers, file)
