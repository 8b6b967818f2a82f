"""What a module imports and which data files it names, read from its source: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crosscourse.errors import CodeError


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a source says: modules that it imports, names that are modules or not, data files that it names."""

    modules: list[str]
    maybe: list[str]
    files: list[str]


def read(content: bytes, module: str, path: Path, packages: tuple[str, ...]) -> Said:
    """What the source ``content`` of ``module`` says of modules of ``packages``. Raises CodeError."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:  # ValueError: zero bytes, before Python 3.12
        raise CodeError(module, f"{path} is not valid Python: {error}") from None
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    modules: set[str] = set()
    maybe: set[str] = set()
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(f"{'.' * node.level}{node.module or ''}", package, module)
            modules.add(base)
            maybe.update(f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
            modules.add(_absolute(_literal_name(node, module, path), package, module))
    return Said(
        modules=sorted(name for name in modules if name.partition(".")[0] in packages),
        maybe=sorted(name for name in maybe if name.partition(".")[0] in packages),
        files=_code_files(tree, module, path),
    )


def _executed(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node of a source but what only type checkers read."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and _type_checking(node.test):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _called(node: ast.Call) -> str:
    """The last name of what is called: ``f`` of ``f()`` and of ``a.b.f()``."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _literal_name(node: ast.Call, module: str, path: Path) -> str:
    name = node.args[0] if node.args else None
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        return name.value
    raise CodeError(
        module,
        f"line {node.lineno} of {path} imports a module whose name is not written there",
        "Write the name as a literal, so that the code that a step depends on can be told without executing it.",
    )


def _absolute(name: str, package: str, module: str) -> str:
    """A module's name without leading dots: one means ``package``, each further one the package above."""
    relative = name.lstrip(".")
    above = len(name) - len(relative)
    if not above:
        return name
    parts = package.split(".")
    if above > len(parts):
        raise CodeError(module, f"'{name}' goes beyond its top-level package")
    return ".".join([*parts[: len(parts) - above + 1], *filter(None, [relative])])


def _code_files(tree: ast.Module, module: str, path: Path) -> list[str]:
    """The value of the constant ``CODE_FILES``; empty if there is none. Raises CodeError if it can't be told."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, _SET) else []
        if not any(isinstance(target, ast.Name) and target.id == "CODE_FILES" for target in targets):
            continue
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        names = value.elts if isinstance(value, ast.Tuple) else []
        texts = [name.value for name in names if isinstance(name, ast.Constant) and isinstance(name.value, str)]
        if not isinstance(value, ast.Tuple) or len(texts) < len(names):
            raise CodeError(
                module,
                f"CODE_FILES (line {node.lineno} of {path}) is not a tuple of literals",
                'Write, for example: CODE_FILES = ("files/program",)',
            )
        return texts
    return []


_SET = (ast.AnnAssign, ast.AugAssign)
