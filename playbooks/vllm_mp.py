"""vLLM on every host, joined by its own multi-node mode, without Ray: what `serve.backend: mp` asks for.

Copy this file to change the order, or to add a resource of your own; `--playbook mine.py` runs the copy.
"""

from provision import Cluster, Playbook, StackWithoutRay, judge, with_parallelism


def playbook(cluster: Cluster) -> Playbook:
    book = Playbook()
    cluster = with_parallelism(cluster, book)
    stack = StackWithoutRay(cluster)
    judge(cluster, book)
    stack.find_blockers(book)

    # Where it is asked for, or was applied: closed to others before anything opens.
    closed = stack.close(book)

    # Proved before anything else is changed on any host. Meanwhile new environments are built, and a new model is sent;
    # neither is used before.
    book.add(stack.server_ports(), on=cluster.head.name)
    book.add(stack.master_port(), on=cluster.head.name)
    book.prove(stack.network_proof(), after=closed)

    # While what ran before goes on serving: environments, and the model. In order on a host, in parallel across hosts.
    for node in cluster.nodes:
        if user := stack.user(node):
            book.add(user, on=node.name)
    built = stack.environments(book)
    weights = {node.name: found for node in cluster.nodes if (found := stack.weights(node))}
    placed = [book.add(found, on=name) for name, found in weights.items()]
    if room := stack.model.room(weights):
        book.prove(room, before=placed)

    # Nothing is stopped on any host before all of them have that.
    left = [
        book.add(left, on=node.name, after=[*built, *placed])
        for node in cluster.nodes
        for left in stack.left_by_ray(node)
    ]
    # One process on each host. They meet while they start, and one that is gone takes the others with it.
    ranks = [
        book.add(stack.rank(node), on=node.name, after=[*built, *left], follows=placed, together="model")
        for node in cluster.nodes
    ]
    if all_reduce := stack.all_reduce():
        book.prove(all_reduce, before=[*left, *ranks])
    book.prove(stack.arguments({node.name: stack.rank(node) for node in cluster.nodes}), before=[*left, *ranks])
    if same := stack.model.same(weights):
        book.prove(same, before=[*left, *ranks])
    met = [book.add(stack.ranks_met(node), on=node.name, follows=ranks) for node in cluster.nodes]
    serving = book.add(stack.answers(), on=cluster.head.name, after=met, follows=ranks)
    stack.watch(book)
    book.inquire(stack.logs(), about=[*ranks, *met, serving])
    book.outcome.append(stack.served(stack.head_rank(), over="without Ray"))
    return book
