"""Talks to websocket_server.py through the gateway.

Arguments: the gateway's URL, a token that stays, a token that will be revoked and its id, the
management API's URL, and a token for it."""

import asyncio
import sys
import urllib.request

import websockets

URL, STAYS, GOES, GOES_ID, ADMIN, ADMIN_TOKEN = sys.argv[1:]


def connect(path, token, **more):
    return websockets.connect(
        URL + path, additional_headers={"Authorization": f"Bearer {token}"}, max_size=None, proxy=None, **more
    )


async def messages():
    async with connect("/live/1", STAYS, subprotocols=["other", "chat"]) as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        assert (await socket.recv()).startswith("/live/1 "), "the path arrives"
        large = bytes(range(256)) * 4096
        for message in ["", "text", "ä€𝄞" * 1000, large, large[:65535], large[:126]]:
            await socket.send(message)
            assert await socket.recv() == message, len(message)
        await socket.send(iter(["a", "b" * 70000, "c"]))
        assert await socket.recv() == "a" + "b" * 70000 + "c", "fragments"
        await socket.send("parts")
        assert await socket.recv() == "one two three"
        await (await socket.ping())
        await socket.send("bye")
        await expect_close(socket, 4000)


async def uncompressed():
    async with connect("/live/2", STAYS, compression=None) as socket:
        await socket.recv()
        await socket.send("plain")
        assert await socket.recv() == "plain"


async def many():
    async def one(number):
        async with connect(f"/live/{number}", STAYS) as socket:
            assert (await socket.recv()).startswith(f"/live/{number} ")
            for turn in range(10):
                await socket.send(f"{number} {turn}")
                assert await socket.recv() == f"{number} {turn}"

    await asyncio.gather(*(one(number) for number in range(100)))


async def revoked():
    async def talk(path):
        async with connect(path, GOES) as socket:
            await socket.recv()
            ready.release()
            try:
                while True:
                    await socket.send("still there?")
                    await socket.recv()
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code

    ready = asyncio.Semaphore(0)
    talks = [asyncio.create_task(talk(f"/live/{number}")) for number in range(20)]
    for _ in talks:
        await ready.acquire()
    request = urllib.request.Request(
        f"{ADMIN}/v1/tokens/{GOES_ID}/revoke", method="POST", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
    )
    await asyncio.to_thread(lambda: urllib.request.urlopen(request).read())
    codes = await asyncio.wait_for(asyncio.gather(*talks), 10)
    assert codes == [1008] * len(talks), codes
    try:
        async with connect("/live/1", GOES):
            raise AssertionError("a revoked token opens nothing")
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 401, refused.response.status_code


async def expect_close(socket, code):
    try:
        await socket.recv()
    except websockets.ConnectionClosed as closed:
        assert closed.rcvd.code == code, closed
    else:
        raise AssertionError("it is closed")


async def main():
    await messages()
    await uncompressed()
    await many()
    await revoked()


asyncio.run(main())
