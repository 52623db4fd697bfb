"""The library for programs that use asyncio: the same functions, to be awaited, with the same arguments and results.

Each works in a thread of its own, which has ended when its result is there. Where the task is cancelled, so is the run:
remote processes first, then CancelledError is raised. A `listener` is called in the thread of the event loop, in order.
"""

import provision
from provision.aio.awaitable import awaitable as awaitable
from provision.aio.tunnels import tunnel as tunnel

bench = awaitable(provision.bench)
bundle = awaitable(provision.bundle)
check = awaitable(provision.check)
down = awaitable(provision.down)
explain = awaitable(provision.explain)
firewall = awaitable(provision.firewall)
fit = awaitable(provision.fit)
init = awaitable(provision.init)
lint = awaitable(provision.lint)
load = awaitable(provision.load)
lock = awaitable(provision.lock)
logs = awaitable(provision.logs)
look = awaitable(provision.look)
metrics = awaitable(provision.metrics)
plan = awaitable(provision.plan)
prune = awaitable(provision.prune)
restart = awaitable(provision.restart)
rollback = awaitable(provision.rollback)
run_on_hosts = awaitable(provision.run_on_hosts)
set_firewall = awaitable(provision.set_firewall)
smoke = awaitable(provision.smoke)
status = awaitable(provision.status)
unlock = awaitable(provision.unlock)
up = awaitable(provision.up)
