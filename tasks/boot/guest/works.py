"""The work on guests, apart from that of boots: a row that is changed is no reason to make a guest anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.boot.specs import Image, System, Tree

if TYPE_CHECKING:
    from crosscourse.engine.places import Places


def make_system(spec: System, at: Places) -> None:
    """Make the guest's kernel, initial file system and root disk."""
    from tasks.boot.guest import system

    system.make(spec, at)


def make_tree(spec: Tree, at: Places) -> None:
    """Make the files of a guest of name spaces."""
    from tasks.boot.guest import system

    system.make_tree(spec, at)


def make_image(spec: Image, at: Places) -> None:
    """Make the layer of the image for tasks."""
    from tasks.boot.guest import image

    image.make_layer(spec, at)
