"""One Ray cluster across every host, vLLM on its head: what `provision up` does unless told otherwise.

Copy this file to change the order, or to add a resource of your own; `--playbook mine.py` runs the copy.
"""

from provision import Cluster, Playbook, Stack, judge, left_without_ray, with_parallelism


def playbook(cluster: Cluster) -> Playbook:
    book = Playbook()
    cluster = with_parallelism(cluster, book)
    stack = Stack(cluster)
    judge(cluster, book)
    stack.find_blockers(book)

    # Where it is asked for, or was applied: closed to others before anything opens.
    closed = stack.close(book)

    # Proved before anything else is changed on any host. Meanwhile new environments are built, and a new model is sent;
    # neither is used before.
    for node in cluster.nodes:
        book.add(stack.ray_ports(node), on=node.name)
    if cluster.inventory.serve:
        book.add(stack.server_ports(), on=cluster.head.name)
    book.prove(stack.network_proof(), after=closed)

    # While what ran before goes on serving: environments, and the model. In order on a host, in parallel across hosts.
    for node in cluster.nodes:
        if user := stack.user(node):
            book.add(user, on=node.name)
        book.add(stack.token(node), on=node.name)
    built = stack.environments(book)
    weights = {node.name: found for node in cluster.nodes if (found := stack.weights(node))}
    placed = [book.add(found, on=name) for name, found in weights.items()]
    if room := stack.model.room(weights):
        book.prove(room, before=placed)

    # Nothing is stopped on any host before all of them have that.
    left = [
        book.add(left, on=node.name, after=[*built, *placed])
        for node in cluster.nodes
        for left in left_without_ray(cluster, node)
    ]
    ray = stack.ray_head()
    head = book.add(ray, on=cluster.head.name, after=[*built, *placed])
    workers = [book.add(stack.ray_worker(n, ray), on=n.name, after=head, follows=head) for n in cluster.workers]
    joined = book.add(stack.members(ray), on=cluster.head.name, after=workers, follows=[head, *workers])
    services = [*left, head, *workers, joined]
    if all_reduce := stack.all_reduce():
        book.prove(all_reduce, before=[*left, head, *workers])

    if cluster.inventory.serve:
        config = book.add(stack.server_config(), on=cluster.head.name)
        server = stack.server(ray)
        # A host that joins has no part in what runs already.
        others = [*workers, *placed]
        serving = book.add(server, on=cluster.head.name, after=[joined, config], follows=head, restarts=others)
        book.prove(stack.arguments({cluster.head.name: server}), before=[*left, head, *workers, serving])
        if same := stack.model.same(weights):
            book.prove(same, before=[*left, head, *workers, serving])
        for node in cluster.nodes:
            if ranks := stack.ranks(node):
                services.append(book.add(ranks, on=node.name, after=serving, follows=serving))
        services.append(serving)
        book.outcome.append(stack.served(server, over="over Ray"))
    stack.watch(book)
    book.inquire(stack.logs(), about=services)
    return book
