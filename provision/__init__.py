"""provision: bring up one large language model across GPU machines over SSH.

This is the public face: whoever writes a program, a playbook, a resource or a check imports from here and from no
deeper. A name is loaded when it is first used. `docs/library.md` lists them. No command prints or exits here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from provision.core.version import __version__

#: Module → the names of it that are public.
_PUBLIC = {
    # For programs: the commands as functions, what they take and what they return.
    "api": (
        "bench", "check", "down", "firewall", "load", "lock", "plan", "prune", "restart", "rollback",
        "set_firewall", "smoke", "unlock", "up",
    ),
    "core.options": ("Options",),
    "library.bundle": ("Bundle", "bundle"),
    "library.init": ("FirstInventory", "init"),
    "library.lint": ("Linted", "lint"),
    "library.metrics": ("WrittenMetrics", "metrics"),
    "core.report": ("Changed", "HostReport", "Report", "Since"),
    "core.timing": ("Phase", "Span", "Timings"),
    "core.plan": ("Action", "Change", "Mode", "Plan"),
    "core.finding": ("AREAS", "Against", "Finding", "Known", "Severity"),
    "core.sizing": ("Sizing", "StageSize"),
    "cluster.firewall": ("Firewall", "Rule"),
    "serving.bench": ("Bench", "BenchFailed", "Load", "Times"),
    "serving.smoke": ("NoAnswer", "Smoke"),
    "stack.prunable": ("Leftover",),
    "serving.look": ("Look", "TriedSocket", "look"), "serving.running": ("NotServing",),
    "operate.commands": ("Ran", "run_on_hosts"),
    "operate.log_lines": ("Filter", "LogFile", "LogLine"),
    "operate.logs": ("Logs", "LogsAsked", "logs"), "operate.looking": ("status",),
    "operate.tunnel": ("Tunnel", "tunnel"),
    "operate.status": ("ClusterStatus", "GpuUse", "HostStatus", "LastUp", "ServiceStatus", "Work"),
    "diagnosis.explain": ("Evidence", "Explained", "Verdict", "explain"),
    "diagnosis.logs": ("Log",),
    "inventory.models": ("Expect", "Host", "Inventory", "Serve"),
    "core.secret": ("Secret",),
    # What a listener hears.
    "core.events": (
        "Connected", "Doing", "Event", "Failed", "HostDone", "Listener", "Note", "Output", "Planned", "Progress",
        "RunDone", "RunStarted", "StepDone", "StepSkipped",
    ),
    # What can be raised, or be in a report.
    "core.errors": (
        "AuthFailed", "BadOutput", "Blocked", "Busy", "Cancelled", "ConnectTimeout", "ConnectionLost", "HostBusy",
        "HostError", "HostKeyChanged", "HostKeyUnknown", "InventoryError", "LeaseLost", "LockError", "NameNotFound",
        "NotConverged", "PlaybookError", "PortClosed", "Problem", "ProvisionError", "ScriptFailed", "ScriptTimeout",
        "SnapshotError", "SudoRefused", "Unreachable", "UsageError",
    ),
    # For playbooks.
    "core.playbook": ("Playbook", "Step"),
    "cluster.cluster": ("Cluster", "Node"),
    "environment.lockfile": ("Lock", "LockMissing", "LockStale"),
    "facts": ("Fabric", "Facts", "Gpu", "GpuProcess", "Interface", "ModelFolder", "Program", "PythonFound", "Xid"),
    "checks.judge": ("judge",),
    "stack.parallelism": ("with_parallelism",),
    "stack.fit": ("fit",), "parallel.fit": ("Fit",),
    "stack.ray": ("Stack",),
    "stack.mp": ("StackWithoutRay", "left_without_ray"),
    "stack.serverless": ("ServerlessStack",),
    # For checks of a single fact, resources, proofs and inquiries of one's own.
    "checks.host.check": ("HostCheck",),
    "core.resource": ("Difference", "Resource", "State"),
    "core.script": ("Fragment", "Script", "Upload"),
    "core.proof": ("Proof", "Shown"),
    "core.inquiry": ("Explanation", "Inquiry"),
    # The built-in ones (docs/resources.md).
    "resources.absent": ("Absent", "Stopped"),
    "resources.existing": ("ExistingEnvironment",), "resources.image": ("Image",),
    "resources.plain_digests": ("PlainDigests",),
    "resources.firewall": ("FirewallTable", "OpenPorts"),
    "resources.serverless_head": ("ServerlessHead", "ServerlessModels"),
    "resources.serverless_store": ("ModelsFolder", "ServerlessStore"),
    "resources.own_folder": ("OwnFolder",), "resources.ports": ("PortsFree",),
    "resources.ranks": ("Ranks",),
    "resources.ray": ("RayHead", "RayWorker"),
    "resources.ray_members": ("RayMembers",),
    "resources.secret_file": ("SecretFile",),
    "resources.service": ("Place", "Service"),
    "resources.service_logs": ("ServiceLogs",),
    "resources.rest": ("Rest",),
    "resources.still_running": ("StillRunning",),
    "resources.system_user": ("SystemUser",),
    "resources.text_file": ("TextFile",),
    "resources.venv": ("Venv",),
    "resources.vllm": ("VllmOnRay",),
    "resources.vllm_mp": ("Answers", "RanksMet", "VllmHead", "VllmWorker"),
    "resources.weights": ("Weights",),
    "proofs.network.proof": ("NetworkProof",),
    "proofs.all_reduce.proof": ("AllReduce",),
    "proofs.arguments": ("VllmArguments",),
    "proofs.weights": ("RoomForWeights", "SameWeights"),
}  # fmt: skip

#: Name → its module.
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604

if TYPE_CHECKING:
    from provision.api import bench as bench
    from provision.api import check as check
    from provision.api import down as down
    from provision.api import firewall as firewall
    from provision.api import load as load
    from provision.api import lock as lock
    from provision.api import plan as plan
    from provision.api import prune as prune
    from provision.api import restart as restart
    from provision.api import rollback as rollback
    from provision.api import set_firewall as set_firewall
    from provision.api import smoke as smoke
    from provision.api import unlock as unlock
    from provision.api import up as up
    from provision.checks.host.check import HostCheck as HostCheck
    from provision.checks.judge import judge as judge
    from provision.cluster.cluster import Cluster as Cluster
    from provision.cluster.cluster import Node as Node
    from provision.cluster.firewall import Firewall as Firewall
    from provision.cluster.firewall import Rule as Rule
    from provision.core.errors import AuthFailed as AuthFailed
    from provision.core.errors import BadOutput as BadOutput
    from provision.core.errors import Blocked as Blocked
    from provision.core.errors import Busy as Busy
    from provision.core.errors import Cancelled as Cancelled
    from provision.core.errors import ConnectionLost as ConnectionLost
    from provision.core.errors import ConnectTimeout as ConnectTimeout
    from provision.core.errors import HostBusy as HostBusy
    from provision.core.errors import HostError as HostError
    from provision.core.errors import HostKeyChanged as HostKeyChanged
    from provision.core.errors import HostKeyUnknown as HostKeyUnknown
    from provision.core.errors import InventoryError as InventoryError
    from provision.core.errors import LeaseLost as LeaseLost
    from provision.core.errors import LockError as LockError
    from provision.core.errors import NameNotFound as NameNotFound
    from provision.core.errors import NotConverged as NotConverged
    from provision.core.errors import PlaybookError as PlaybookError
    from provision.core.errors import PortClosed as PortClosed
    from provision.core.errors import Problem as Problem
    from provision.core.errors import ProvisionError as ProvisionError
    from provision.core.errors import ScriptFailed as ScriptFailed
    from provision.core.errors import ScriptTimeout as ScriptTimeout
    from provision.core.errors import SnapshotError as SnapshotError
    from provision.core.errors import SudoRefused as SudoRefused
    from provision.core.errors import Unreachable as Unreachable
    from provision.core.errors import UsageError as UsageError
    from provision.core.events import Connected as Connected
    from provision.core.events import Doing as Doing
    from provision.core.events import Event as Event
    from provision.core.events import Failed as Failed
    from provision.core.events import HostDone as HostDone
    from provision.core.events import Listener as Listener
    from provision.core.events import Note as Note
    from provision.core.events import Output as Output
    from provision.core.events import Planned as Planned
    from provision.core.events import Progress as Progress
    from provision.core.events import RunDone as RunDone
    from provision.core.events import RunStarted as RunStarted
    from provision.core.events import StepDone as StepDone
    from provision.core.events import StepSkipped as StepSkipped
    from provision.core.finding import AREAS as AREAS
    from provision.core.finding import Against as Against
    from provision.core.finding import Finding as Finding
    from provision.core.finding import Known as Known
    from provision.core.finding import Severity as Severity
    from provision.core.inquiry import Explanation as Explanation
    from provision.core.inquiry import Inquiry as Inquiry
    from provision.core.options import Options as Options
    from provision.core.plan import Action as Action
    from provision.core.plan import Change as Change
    from provision.core.plan import Mode as Mode
    from provision.core.plan import Plan as Plan
    from provision.core.playbook import Playbook as Playbook
    from provision.core.playbook import Step as Step
    from provision.core.proof import Proof as Proof
    from provision.core.proof import Shown as Shown
    from provision.core.report import Changed as Changed
    from provision.core.report import HostReport as HostReport
    from provision.core.report import Report as Report
    from provision.core.report import Since as Since
    from provision.core.resource import Difference as Difference
    from provision.core.resource import Resource as Resource
    from provision.core.resource import State as State
    from provision.core.script import Fragment as Fragment
    from provision.core.script import Script as Script
    from provision.core.script import Upload as Upload
    from provision.core.secret import Secret as Secret
    from provision.core.sizing import Sizing as Sizing
    from provision.core.sizing import StageSize as StageSize
    from provision.core.timing import Phase as Phase
    from provision.core.timing import Span as Span
    from provision.core.timing import Timings as Timings
    from provision.diagnosis.explain import Evidence as Evidence
    from provision.diagnosis.explain import Explained as Explained
    from provision.diagnosis.explain import Verdict as Verdict
    from provision.diagnosis.explain import explain as explain
    from provision.diagnosis.logs import Log as Log
    from provision.environment.lockfile import Lock as Lock
    from provision.environment.lockfile import LockMissing as LockMissing
    from provision.environment.lockfile import LockStale as LockStale
    from provision.facts import Fabric as Fabric
    from provision.facts import Facts as Facts
    from provision.facts import Gpu as Gpu
    from provision.facts import GpuProcess as GpuProcess
    from provision.facts import Interface as Interface
    from provision.facts import ModelFolder as ModelFolder
    from provision.facts import Program as Program
    from provision.facts import PythonFound as PythonFound
    from provision.facts import Xid as Xid
    from provision.inventory.models import Expect as Expect
    from provision.inventory.models import Host as Host
    from provision.inventory.models import Inventory as Inventory
    from provision.inventory.models import Serve as Serve
    from provision.library.bundle import Bundle as Bundle
    from provision.library.bundle import bundle as bundle
    from provision.library.init import FirstInventory as FirstInventory
    from provision.library.init import init as init
    from provision.library.lint import Linted as Linted
    from provision.library.lint import lint as lint
    from provision.library.metrics import WrittenMetrics as WrittenMetrics
    from provision.library.metrics import metrics as metrics
    from provision.operate.commands import Ran as Ran
    from provision.operate.commands import run_on_hosts as run_on_hosts
    from provision.operate.log_lines import Filter as Filter
    from provision.operate.log_lines import LogFile as LogFile
    from provision.operate.log_lines import LogLine as LogLine
    from provision.operate.logs import Logs as Logs
    from provision.operate.logs import LogsAsked as LogsAsked
    from provision.operate.logs import logs as logs
    from provision.operate.looking import status as status
    from provision.operate.status import ClusterStatus as ClusterStatus
    from provision.operate.status import GpuUse as GpuUse
    from provision.operate.status import HostStatus as HostStatus
    from provision.operate.status import LastUp as LastUp
    from provision.operate.status import ServiceStatus as ServiceStatus
    from provision.operate.status import Work as Work
    from provision.operate.tunnel import Tunnel as Tunnel
    from provision.operate.tunnel import tunnel as tunnel
    from provision.parallel.fit import Fit as Fit
    from provision.proofs.all_reduce.proof import AllReduce as AllReduce
    from provision.proofs.arguments import VllmArguments as VllmArguments
    from provision.proofs.network.proof import NetworkProof as NetworkProof
    from provision.proofs.weights import RoomForWeights as RoomForWeights
    from provision.proofs.weights import SameWeights as SameWeights
    from provision.resources.absent import Absent as Absent
    from provision.resources.absent import Stopped as Stopped
    from provision.resources.existing import ExistingEnvironment as ExistingEnvironment
    from provision.resources.firewall import FirewallTable as FirewallTable
    from provision.resources.firewall import OpenPorts as OpenPorts
    from provision.resources.image import Image as Image
    from provision.resources.own_folder import OwnFolder as OwnFolder
    from provision.resources.plain_digests import PlainDigests as PlainDigests
    from provision.resources.ports import PortsFree as PortsFree
    from provision.resources.ranks import Ranks as Ranks
    from provision.resources.ray import RayHead as RayHead
    from provision.resources.ray import RayWorker as RayWorker
    from provision.resources.ray_members import RayMembers as RayMembers
    from provision.resources.rest import Rest as Rest
    from provision.resources.secret_file import SecretFile as SecretFile
    from provision.resources.serverless_head import ServerlessHead as ServerlessHead
    from provision.resources.serverless_head import ServerlessModels as ServerlessModels
    from provision.resources.serverless_store import ModelsFolder as ModelsFolder
    from provision.resources.serverless_store import ServerlessStore as ServerlessStore
    from provision.resources.service import Place as Place
    from provision.resources.service import Service as Service
    from provision.resources.service_logs import ServiceLogs as ServiceLogs
    from provision.resources.still_running import StillRunning as StillRunning
    from provision.resources.system_user import SystemUser as SystemUser
    from provision.resources.text_file import TextFile as TextFile
    from provision.resources.venv import Venv as Venv
    from provision.resources.vllm import VllmOnRay as VllmOnRay
    from provision.resources.vllm_mp import Answers as Answers
    from provision.resources.vllm_mp import RanksMet as RanksMet
    from provision.resources.vllm_mp import VllmHead as VllmHead
    from provision.resources.vllm_mp import VllmWorker as VllmWorker
    from provision.resources.weights import Weights as Weights
    from provision.serving.bench import Bench as Bench
    from provision.serving.bench import BenchFailed as BenchFailed
    from provision.serving.bench import Load as Load
    from provision.serving.bench import Times as Times
    from provision.serving.look import Look as Look
    from provision.serving.look import TriedSocket as TriedSocket
    from provision.serving.look import look as look
    from provision.serving.running import NotServing as NotServing
    from provision.serving.smoke import NoAnswer as NoAnswer
    from provision.serving.smoke import Smoke as Smoke
    from provision.stack.fit import fit as fit
    from provision.stack.mp import StackWithoutRay as StackWithoutRay
    from provision.stack.mp import left_without_ray as left_without_ray
    from provision.stack.parallelism import with_parallelism as with_parallelism
    from provision.stack.prunable import Leftover as Leftover
    from provision.stack.ray import Stack as Stack
    from provision.stack.serverless import ServerlessStack as ServerlessStack


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module `provision` has no attribute `{name}`")
    # Not before it is asked for: `provision --help` should not wait for the SSH library.
    globals()[name] = value = getattr(import_module(f"provision.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
