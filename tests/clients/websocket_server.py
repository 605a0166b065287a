"""A WebSocket server that sends back what it gets, and the path and the token that it was told of."""

import asyncio

import websockets


async def talk(socket):
    await socket.send(f"{socket.request.path} {socket.request.headers['X-Keygate-Token']}")
    try:
        async for message in socket:
            if message == "bye":
                await socket.close(4000, "as you say")
            elif message == "parts":
                await socket.send(iter(["one ", "two ", "three"]))
            else:
                await socket.send(message)
    except websockets.ConnectionClosed:
        pass


def chat(_, offered):
    return "chat" if "chat" in offered else None


async def main():
    async with websockets.serve(talk, "127.0.0.1", 0, max_size=None, select_subprotocol=chat) as server:
        print(f"Listening at: http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
