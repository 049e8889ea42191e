"""A proxy that breaks answers on purpose: fifteen faults, each marked where a protocol marks it.

``with proxied(url, seed=1) as proxy:`` yields a proxy whose ``url`` forwards to a source; with
probability ``proxy.rate`` an answer is broken in one of ``proxy.modes``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field

import httpx

MODES = (
    "500",
    "503",
    "429",
    "reset",
    "hang",
    "truncated",
    "html",
    "partial",
    "limited",
    "error in 200",
    "short",
    "duplicates",
    "unordered",
    "drip",
    "wrong type",
)
# Faults that a server tells in its answer, and how: None where its protocol has no word for it.
TOLD = {
    "prometheus": {
        "partial": lambda p: {**p, "warnings": ["some store could not be asked"]},
        "limited": lambda p: {**p, "warnings": ["results truncated due to limit"]},
        "error in 200": lambda _: {"status": "error", "errorType": "execution", "error": "no"},
    },
    "opensearch": {
        "partial": lambda p: {**p, "_shards": {"total": 2, "successful": 1, "failed": 1}},
        "limited": lambda p: {**p, "timed_out": True},
        "error in 200": lambda _: {"error": {"type": "search_phase_execution_exception"}},
    },
}
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def lists_of(payload, depth=0):
    """The lists of an answer's records, longest first, and where they hang."""
    found = []
    items = payload.items() if isinstance(payload, dict) else enumerate(payload)
    for key, value in items:
        if isinstance(value, list) and value and all(isinstance(v, dict | list) for v in value):
            found.append((len(value), payload, key))
        if isinstance(value, dict | list) and depth < 6:
            found += lists_of(value, depth + 1)
    return sorted(found, key=lambda one: -one[0])


def mutated(payload, change):
    """Change the longest list of records; None where there is none."""
    found = lists_of(payload) if isinstance(payload, dict | list) else []
    if isinstance(payload, list) and payload and (not found or len(payload) >= found[0][0]):
        return change(payload)
    if not found:
        return None
    _, holder, key = found[0]
    holder[key] = change(holder[key])
    return payload


CHANGES = {
    "short": lambda values: values[: len(values) // 2],
    "duplicates": lambda values: [*values, *values[: len(values) // 2 + 1]],
    "unordered": lambda values: values[::-1],
}


@dataclass
class Proxy:
    target: str
    speaks: str = ""
    rate: float = 0.3
    modes: tuple = MODES
    hang_s: float = 30.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    requests: int = 0
    made: Counter = field(default_factory=Counter)
    url: str = ""
    spared: tuple = ()  # paths that are never broken

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the proxy is stopped while it lets one hang
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines if x)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.requests += 1
        mode = self.chosen(path)
        if mode in {"500", "503", "429"}:
            return await self.send(writer, int(mode), b'{"error":"no"}', {"retry-after": "0"})
        if mode == "hang":
            await asyncio.sleep(self.hang_s)
            return False
        kept = {
            k: v for k, v in headers.items() if k in {"content-type", "authorization", "accept"}
        }
        answer = await self.client.request(method, self.target + path, content=body, headers=kept)
        return await self.broken(writer, mode, answer)

    def chosen(self, path):
        if any(part in path for part in self.spared) or self.rng.random() >= self.rate:
            return ""
        return self.rng.choice(self.modes)

    async def broken(self, writer, mode, answer):
        kind = answer.headers.get("content-type", "application/json")
        headers = {"content-type": kind}
        if "link" in answer.headers:
            headers["link"] = answer.headers["link"]
        data = answer.content
        if mode == "reset":
            writer.transport.abort()
            self.made[mode] += 1
            return False
        if mode == "html":
            self.made[mode] += 1
            return await self.send(writer, 200, PAGE, {"content-type": "text/html"})
        if mode == "wrong type":
            self.made[mode] += 1
            return await self.send(
                writer, answer.status_code, data, headers | {"content-type": "text/plain"}
            )
        if mode in {"truncated", "drip"}:
            self.made[mode] += 1
            return await self.slowly(writer, data, headers, whole=mode == "drip")
        data = self.rewritten(mode, data) if answer.status_code == 200 else data
        return await self.send(writer, answer.status_code, data, headers)

    def rewritten(self, mode, data):
        try:
            payload = json.loads(data)
        except ValueError:
            return data
        told = TOLD.get(self.speaks, {}).get(mode)
        changed = mutated(payload, CHANGES[mode]) if mode in CHANGES else told and told(payload)
        if changed is None or changed is False:
            return data
        self.made[mode] += 1
        return json.dumps(changed).encode()

    async def slowly(self, writer, data, headers, *, whole):
        lines = ["HTTP/1.1 200 OK", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if not whole:
            writer.write(data[: len(data) // 2])
            await writer.drain()
            return False
        size = max(len(data) // 5, 1)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            await asyncio.sleep(0.01)
        return True

    async def send(self, writer, status, data, headers):
        if status >= 429:
            self.made[str(status)] += 1
        lines = [f"HTTP/1.1 {status} Said", f"content-length: {len(data)}"]
        lines += [
            f"{name}: {value}"
            for name, value in {"content-type": "application/json", **headers}.items()
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        await writer.drain()
        return True


@contextlib.contextmanager
def proxied(target, *, seed=1, **settings):
    """Yield a running `Proxy`; it is stopped afterwards."""
    proxy = Proxy(target, rng=random.Random(seed), **settings)
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def main():
        async with httpx.AsyncClient(timeout=30, trust_env=False) as proxy.client:
            writers: list[asyncio.StreamWriter] = []
            running: set[asyncio.Future] = set()

            def accept(reader, writer):
                # Kept here: a task that is cancelled before it began closes nothing itself.
                writers.append(writer)
                running.add(asyncio.ensure_future(proxy.serve(reader, writer)))

            server = await asyncio.start_server(accept, "127.0.0.1", 0)
            proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            ready.set()
            await stop.wait()
            server.close()
            tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)  # aborted transports are closed by the loop's next turns

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
