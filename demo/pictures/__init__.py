"""Pictures of dogs and croissants, drawn in the likeness of photographs.

A picture is made in three steps: a place (a kitchen by day, a street by night) with clutter in
it, the figure, and the light it is taken in. Places, clutter and colours are the same for both
classes, so that only the figure tells them apart.
"""

from demo.pictures.folder import render_folder
from demo.pictures.rendering import CLASS_NAMES, Light, render

__all__ = ["CLASS_NAMES", "Light", "render", "render_folder"]
