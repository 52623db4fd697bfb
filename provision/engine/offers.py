"""Which hosts have whole what others of the cluster lack, and may be asked for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from provision.cluster.relaying import RelayHost
from provision.core.plan import Plan
from provision.core.playbook import Step
from provision.core.spread import Offer

#: Hosts that are asked one after another: one that has the files serves a model, and is not the only one for long.
MOST = 2


class Offers:
    """`steps`: those that are as wanted. `carriers`: hosts that may have files from each other, and how."""

    def __init__(self, steps: Sequence[Step], carriers: Mapping[str, RelayHost]) -> None:
        self._found: list[tuple[Step, Offer]] = []
        for step in steps:
            offer = step.resource.offer() if step.host in carriers else None
            # What is the environment's to pass on needs no Python of the host's own.
            if offer is not None and (carriers[step.host].python or not offer.files):
                self._found.append((step, offer))

    def of(self, key: object, lacking: Collection[str] = ()) -> list[Step]:
        """Who has what is equal for all that want it, and is none of those that lack it."""
        return [step for step, offer in self._found if offer.key == key and step.host not in lacking][:MOST]

    def holding(self, sources: Collection[Path], lacking: Collection[str] = ()) -> list[tuple[str, Offer]]:
        """Host by host, who has all of these files of the controller's, and is none of those that lack them."""
        found = {step.host: offer for step, offer in self._found if offer.files.keys() >= {*sources}}
        return [(host, offer) for host, offer in found.items() if host not in lacking][:MOST]


def served(plan: Plan, carriers: Mapping[str, RelayHost]) -> Mapping[str, str]:
    """Key of a change → what of it comes from other hosts, and from which, as a plan says it."""
    found: dict[str, str] = {}
    offers = Offers(plan.unchanged, carriers)
    for change in plan.changes:
        offer = change.step.resource.offer() if change.want is not None and change.step.host in carriers else None
        hosts = dict.fromkeys(step.host for step in offers.of(offer.key)) if offer is not None else {}
        if offer is not None and hosts:
            found[change.step.key] = f"{offer.what} from {' or '.join(hosts)}"
    return found
