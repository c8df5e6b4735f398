"""Which package may import which. The tests read the code base."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("lkas", "simulation", "viewer")
    for path in sorted((ROOT / package).rglob("*.py"))
}
OPTIONAL = {"carla", "onnxruntime", "dask", "osqp", "mcap", "PySide6", "torch", "matplotlib", "scipy"}
CHANNEL_USERS = (
    "lkas.detection.server",
    "lkas.decision.server",
    "lkas.integration.server",
    "lkas.integration.client",
    "lkas.bench",
    "lkas.cli",
)
CHANNELS = "lkas.integration.shared_memory"
FOUNDATION = (
    *(f"lkas.{name}" for name in ("clock", "config", "frames", "health", "image_file", "lens")),
    *(f"lkas.{name}" for name in ("page", "parameters", "vehicle", "yaml_text")),
)
MESSAGES = f"{CHANNELS}.messages"


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Full names a module imports (for `from a import b` both a and a.b)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def modules_of(package: str) -> list[str]:
    return [name for name in MODULES if name == package or name.startswith(package + ".")]


def reaches(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def own_imports(module: str) -> set[str]:
    """What a module imports from this project."""
    return {
        name for name in imports(MODULES[module]) if any(reaches(name, top) for top in ("lkas", "simulation", "viewer"))
    }


def offenders(modules: list[str], forbidden: tuple[str, ...], allowed: tuple[str, ...] = ()) -> list[str]:
    return [
        f"{module} imports {name}"
        for module in modules
        for name in sorted(own_imports(module) - {"lkas"})
        if any(reaches(name, package) for package in forbidden)
        and not any(reaches(name, package) for package in allowed)
    ]


def test_the_code_base_was_found():
    assert {"lkas.runtime.supervisor", "simulation.runner", "viewer.server"} <= set(MODULES)


def test_lkas_never_imports_simulation_or_viewer():
    assert offenders(modules_of("lkas"), ("simulation", "viewer")) == []


def test_messages_import_nothing_of_this_project():
    assert own_imports(MESSAGES) == set()


def test_the_foundation_imports_only_messages_and_itself():
    for module in FOUNDATION:
        assert offenders([module], ("lkas",), allowed=(*FOUNDATION, MESSAGES, "lkas.plugins")) == []


def folder(module: str) -> str:
    """The folder of a module; a module beside subfolders counts as a folder of its own."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    has_folders = any(path.name == "__init__.py" for path in MODULES[package].parent.glob("*/__init__.py"))
    return module if has_folders else package


def test_folders_do_not_import_each_other_in_a_cycle():
    arrows: dict[str, set[str]] = {}
    for module in MODULES:
        for name in own_imports(module) & set(MODULES):
            if MODULES[name].name != "__init__.py" or folder(name) != name:  # __init__.py only re-exports names
                arrows.setdefault(folder(module), set()).add(folder(name))
    order = graphlib.TopologicalSorter({source: found - {source} for source, found in arrows.items()})
    order.prepare()  # raises CycleError, which names the cycle


def test_no_live_process_imports_the_evaluation():
    outside = [
        module
        for module in modules_of("simulation")
        if not reaches(module, "simulation.evaluation") and module != "simulation.cli"  # the command group
    ]
    assert offenders(outside, ("simulation.evaluation",)) == []


def test_zmq_never_imports_the_client_nor_the_client_a_broker():
    zmq = "lkas.integration.zmq"
    assert offenders(modules_of(zmq), ("lkas.integration.client",)) == []
    assert offenders(modules_of("lkas.integration.client"), (f"{zmq}.broker", f"{zmq}.server")) == []


def test_the_runtime_imports_no_domain_package():
    allowed = (*FOUNDATION, "lkas.runtime", "lkas.__version__")
    assert offenders(modules_of("lkas.runtime"), ("lkas", "simulation", "viewer"), allowed) == []


def test_only_the_servers_and_the_commands_touch_channels():
    outside = [
        module
        for module in modules_of("lkas")
        if module != "lkas"  # re-exports the public names
        and not any(reaches(module, user) for user in CHANNEL_USERS)
        and not reaches(module, CHANNELS)
    ]
    assert offenders(outside, (CHANNELS,), allowed=(MESSAGES, f"{CHANNELS}.errors", f"{CHANNELS}.stamps")) == []


def test_decision_never_imports_detection_nor_the_other_way_round():
    assert offenders(modules_of("lkas.decision"), ("lkas.detection",)) == []
    assert offenders(modules_of("lkas.detection"), ("lkas.decision",)) == []


def test_the_supervisor_imports_nothing_of_the_domain():
    supervision = own_imports("lkas.runtime.supervisor") | own_imports("lkas.runtime.watched_process")
    assert {name for name in supervision if not name.startswith("lkas.runtime")} <= {
        "lkas.clock", "lkas.clock.Clock", "lkas.clock.MonotonicClock",
        "lkas.health", "lkas.health.Level", "lkas.health.NOT_RESPONDING",
    }  # fmt: skip


def test_the_viewer_uses_only_the_broker():
    allowed = (
        "lkas",
        "lkas.config", "lkas.page", "lkas.runtime", "lkas.parameters", "lkas.clock", "lkas.integration.zmq",
        "lkas.integration.client", f"{MESSAGES}", f"{CHANNELS}.errors", f"{CHANNELS}.segment",
    )  # fmt: skip
    assert offenders(modules_of("viewer"), ("lkas", "simulation"), allowed) == []
    assert offenders(modules_of("viewer"), ("lkas.integration.zmq.broker", "lkas.integration.server")) == []


def test_only_the_evaluation_of_the_simulation_uses_the_algorithms():
    outside = [module for module in modules_of("simulation") if not reaches(module, "simulation.evaluation")]
    assert offenders(outside, ("lkas.detection", "lkas.decision", "viewer")) == []


def test_optional_packages_are_imported_where_they_are_used():
    for module, path in MODULES.items():
        tops = {name.partition(".")[0] for name in imports(path, top_level_only=True)}
        allowed = {"carla"} if reaches(module, "simulation.carla") else set()
        assert not tops & OPTIONAL - allowed, f"{module} imports {tops & OPTIONAL} at its top"


def test_only_the_carla_world_imports_the_carla_library():
    users = [name for name, path in MODULES.items() if any(reaches(found, "carla") for found in imports(path))]
    assert users
    assert all(reaches(name, "simulation.carla") for name in users)
    # The probe for a CARLA server has to work without the library.
    assert not {"simulation.carla.config", "simulation.carla.probe"} & set(users)


@pytest.mark.parametrize("program", ["lkas", "simulation", "viewer"])
def test_help_imports_nothing_heavy(program):
    code = (
        "import sys\n"
        f"sys.argv = ['{program}', '--help']\n"
        f"from {program}.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*sorted({'numpy', 'cv2', 'zmq'} & set(sys.modules)), sep=',', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == ""
    assert "Usage" in done.stdout
