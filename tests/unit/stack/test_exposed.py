"""What becomes of a playbook where somebody else could change our folder on a host, or the model's."""

from dataclasses import replace

import pytest
from cluster_samples import cluster, facts

from provision.checks.ids import MODEL_FOLDER
from provision.cluster.cluster import Cluster
from provision.core.finding import UNTOUCHED, Finding, Severity
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.facts import Exposed
from provision.inventory.models import Accepted, Serve
from provision.resources.weights import Weights
from provision.stack.backends import DEFAULT
from provision.stack.exposed import guarded

LIKE = built_in(DEFAULT)

SERVE = Serve(model="org/tiny", tensor_parallel=2, pipeline_parallel=2)
OPEN = Exposed("/data", "others", "777", "root", "root")


def made(exposed: dict[str, Exposed], *, removes: bool = False, sudo: bool = False) -> Playbook:
    known = facts("10.0.0.2", exposed=exposed, **({"uid": 0, "user": "root"} if sudo else {}))
    sample = cluster(serve=SERVE, worker=replace(known, root="/data/ours"))
    return guarded(PlaybookFile(LIKE, like=LIKE).load(), removes=removes)(sample)


def refusals(book: Playbook) -> list[Finding]:
    return [finding for finding in book.blockers if finding.fact in ("root", "model folder")]


def test_a_sound_cluster_gets_the_playbook_as_it_is() -> None:
    book = made({})
    assert refusals(book) == []
    assert {step.host for step in book.steps} == {"gpu-01", "gpu-02"} and book.proofs


@pytest.mark.parametrize(
    ("exposed", "said", "hint"),
    [
        (
            OPEN,
            "`root` /data/ours is not safe: /data (mode 777, owner root) can be written to by every user",
            "run `sudo chmod go-w /data` on gpu-02, or set hosts.gpu-02.root to a folder of your own",
        ),
        (
            Exposed("/data/ours/envs", "others", "777", "root", "root"),
            "`root` /data/ours is not safe: /data/ours/envs (mode 777, owner root)",
            "run `sudo chmod -R go-w /data/ours` on gpu-02",
        ),
        (
            Exposed("/data/it's", "group", "2775", "root", "staff"),
            "/data/it's (mode 2775, owner root) can be written to by the group staff",
            """sudo chmod go-w '/data/it'"'"'s'""",
        ),
        (
            Exposed("/data/ours", "owner", "700", "mallory", "users"),
            "belongs to mallory",
            "sudo chown ubuntu /data/ours",
        ),
        (Exposed("/data", "acl", "770", "root", "root"), "its access control list names", "sudo setfacl -b /data"),
        (Exposed("/tmp", "others", "1777", "root", "root"), "/tmp (mode 1777", "set hosts.gpu-02.root to a folder"),
        (Exposed("/loop", "links", "-", "-", "-"), ": /loop is a link that leads nowhere", "set hosts.gpu-02.root"),
    ],
    ids=lambda value: value.why if isinstance(value, Exposed) else "",
)
def test_a_root_that_others_could_change_is_refused_with_place_mode_owner_and_hint(
    exposed: Exposed, said: str, hint: str
) -> None:
    (refusal,) = refusals(made({"root": exposed}))
    assert refusal.host == "gpu-02" and refusal.severity is Severity.BLOCKS
    assert said in refusal.message and hint in refusal.hint


def test_below_an_exposed_root_nothing_is_looked_at_on_that_host_and_nothing_proved() -> None:
    book = made({"root": OPEN})
    assert {step.host for step in book.steps} == {"gpu-01"}
    assert book.proofs == []


def test_an_exposed_model_is_refused_by_itself_and_not_looked_at() -> None:
    book = made({"model": Exposed("/models", "owner", "755", "mallory", "users")}, sudo=True)
    (refusal,) = refusals(book)
    assert refusal.fact == "model folder" and "belongs to mallory" in refusal.message
    assert refusal.expected == "of root or ubuntu alone"
    assert [s.host for s in book.steps if isinstance(s.resource, Weights)] == ["gpu-01"]
    assert "gpu-02" in {step.host for step in book.steps}


def test_a_store_of_models_that_is_only_read_can_be_accepted_and_a_folder_of_ours_cannot() -> None:
    exposed = {"model": Exposed("/models", "owner", "755", "mallory", "users")}
    store = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)
    sample = cluster(serve=store, worker=facts("10.0.0.2", exposed=exposed))
    book = guarded(PlaybookFile(LIKE, like=LIKE).load(), removes=False)
    (refusal,) = refusals(book(sample))
    assert refusal.id == MODEL_FOLDER and f"accept: [{{id: {MODEL_FOLDER}, " in refusal.hint
    assert book(sample).proofs == []
    known = sample.inventory.model_copy(update={"accept": (Accepted(id=MODEL_FOLDER, reason="the team's"),)})
    accepted = book(replace(sample, inventory=known))
    assert [finding.id for finding in refusals(accepted)] == [MODEL_FOLDER], "the run marks it as accepted"
    assert accepted.proofs and accepted.steps
    assert refusals(made(exposed))[0].id == "", "what we download there is ours"


def test_one_fault_is_told_once_where_the_model_lies_below_root() -> None:
    assert [finding.fact for finding in refusals(made({"root": OPEN, "model": OPEN}))] == ["root"]


def test_a_root_that_is_no_folder_is_refused_and_in_nobodys_way_down() -> None:
    file = Exposed("/data/ours/envs", "folder", "644", "root", "root")
    (refused,) = refusals(made({"root": file}))
    assert refused.message == "`root` /data/ours cannot be used: /data/ours/envs (mode 644, owner root) is no folder"
    assert "`mv /data/ours/envs /data/ours/envs.old` on gpu-02" in refused.hint
    down = made({"root": file}, removes=True)
    assert [step.key for step in down.steps] == [step.key for step in made({}, removes=True).steps]
    assert not [finding for finding in down.findings if finding.fact == UNTOUCHED]


def test_down_only_ends_what_runs_there_and_says_what_stays() -> None:
    book = made({"root": OPEN}, removes=True)
    assert [step.resource.id for step in book.steps if step.host == "gpu-02"] == ["marked:llama/gpu-02"]
    assert len([step for step in book.steps if step.host == "gpu-01"]) > 3
    (untouched,) = [finding for finding in book.findings if finding.fact == UNTOUCHED]
    assert untouched.host == "gpu-02" and not untouched.blocks
    assert "only processes are stopped; what lies in `/data/ours/clusters/llama/gpu-02` stays" in untouched.message
    assert untouched.hint.endswith("then run `provision down` again")


def test_a_persons_own_playbook_is_guarded_too() -> None:
    def own(_: Cluster) -> Playbook:
        return Playbook()

    sample = cluster(worker=facts("10.0.0.2", exposed={"root": OPEN}))
    assert [finding.fact for finding in guarded(own, removes=False)(sample).blockers] == ["root"]


@pytest.mark.parametrize("use", ["root", "model"])
def test_a_spare_is_refused_as_any_other_host(use: str) -> None:
    """It is prepared like those that serve: environment and weights are brought to it."""
    known = replace(facts("10.0.0.2", exposed={use: OPEN}), root="/data/ours")
    whole = cluster(serve=Serve(model="org/tiny", tensor_parallel=2), worker=known)
    head, spare = whole.nodes
    sample = replace(whole, nodes=(head,), spares=(spare,))
    book = guarded(PlaybookFile(LIKE, like=LIKE).load(), removes=False)(sample)
    assert [finding.host for finding in refusals(book)] == ["gpu-02"]
    there = [step.resource for step in book.steps if step.host == "gpu-02"]
    assert there == [] if use == "root" else not any(isinstance(resource, Weights) for resource in there)
