"""ServerlessLLM: its controller and API on the head, a store and Ray on every worker. `serve.backend: serverlessllm`.

Copy this file to change the order, or to add a resource of your own; `--playbook mine.py` runs the copy.
"""

from provision import Cluster, Playbook, ServerlessStack, judge

#: Its controller forgets what it knew when it ends, and does not find again what it had started.
TOGETHER = "serverlessllm"


def playbook(cluster: Cluster) -> Playbook:
    book = Playbook()
    stack = ServerlessStack(cluster)
    judge(cluster, book)
    stack.find_blockers(book)

    # Where it is asked for, or was applied: closed to others before anything opens.
    closed = stack.close(book)

    # Proved before anything else is changed on any host. New environments are built meanwhile, and not used before.
    for node in cluster.nodes:
        book.add(stack.ray_ports(node), on=node.name)
        book.add(stack.own_ports(node), on=node.name)
    book.prove(stack.network_proof(), after=closed)

    # While what ran before goes on serving. In order on a host, in parallel across hosts.
    for node in cluster.nodes:
        if user := stack.user(node):
            book.add(user, on=node.name)
        book.add(stack.token(node), on=node.name)
    built = stack.environments(book)
    folders = [book.add(stack.models_folder(node), on=node.name) for node in cluster.workers]

    ray = stack.ray_head()
    head = book.add(ray, on=cluster.head.name, after=[*built, *folders], together=TOGETHER)
    workers, stores = [], []
    for node in cluster.workers:
        joins = stack.ray_worker(node, ray)
        workers.append(book.add(joins, on=node.name, after=head, follows=head, together=TOGETHER))
        stores.append(book.add(stack.store(node), on=node.name, after=head, together=TOGETHER))
    parts = [head, *workers, *stores]
    joined = book.add(stack.members(ray), on=cluster.head.name, after=parts, follows=[head, *workers])
    controller = stack.controller(ray)
    serving = book.add(controller, on=cluster.head.name, after=[joined, *stores], follows=head, together=TOGETHER)
    models = book.add(stack.models(controller), on=cluster.head.name, follows=serving)

    stack.watch(book)
    book.inquire(stack.logs(), about=[*parts, joined, serving, models])
    book.outcome.append(stack.answers(controller))
    return book
