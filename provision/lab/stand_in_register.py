"""A stand-in for the provision lab, and for the lab alone: vLLM's CPU build on Ray nodes with pretended GPUs.

vLLM's own CPU platform names no Ray device, so vLLM refuses to run it over Ray. This one calls its device
"GPU", as Ray calls the lab's stand-in GPUs. It computes on the CPU, slowly, and must never be installed on a
host with real GPUs.

vLLM imports this module in every process to ask which platform to use, long before its own modules are ready:
import nothing here.
"""


def register() -> str:
    """The platform's qualified name: what an entry point of the group vllm.platform_plugins returns."""
    return "provision_lab_stand_in.platform.StandInPlatform"
