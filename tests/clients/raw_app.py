"""A WSGI application that says which requests it read whole: "seen: METHOD TARGET LENGTH" on standard output."""


def app(environ, start_response):
    length = len(environ["wsgi.input"].read())
    announced = environ.get("CONTENT_LENGTH")
    if announced and int(announced) != length:
        raise ConnectionError("the body broke off")
    print("seen:", environ["REQUEST_METHOD"], environ["RAW_URI"], length, flush=True)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"ok"]
