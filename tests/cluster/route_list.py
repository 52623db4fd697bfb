"""For a host that has vLLM: the routes that a server knows, those of mounts and WebSockets included, and a middleware
that tells them. To vLLM it is a middleware of a person's own."""

import json

PATH = "/routes-of-the-test"


def routes(found, prefix=""):
    """`POST /invocations`, `WEBSOCKET /v1/realtime`: method or kind, and path."""
    for route in found:
        path = prefix + getattr(route, "path", "")
        below = getattr(route, "routes", None)
        if hasattr(route, "methods"):
            yield from (f"{method} {path}" for method in sorted(route.methods or {"GET"}))
        elif "WebSocket" in type(route).__name__:
            yield f"WEBSOCKET {path}"
        else:  # a mount, or a router that was taken in
            yield from (f"GET {path}", f"GET {path}/x")
            yield from routes(below or (), path)


class Routes:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] != PATH:
            await self.app(scope, receive, send)
            return
        body = json.dumps(list(dict.fromkeys(routes(scope["app"].routes)))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
