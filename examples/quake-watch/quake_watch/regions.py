"""Where an event belongs. v1 cuts the globe into squares; v2 follows the earth's own zones."""

from math import floor

from .events import Event

_SQUARE = 5  # degrees

# name, south, north, west, east in degrees, the southern and western edge included; first match wins
_ZONES: tuple[tuple[str, float, float, float, float], ...] = (
    ("Geysers and Mendocino", 38, 42, -126, -121),
    ("San Andreas north", 36, 38, -124, -120),
    ("Long Valley", 36, 39, -120, -117),
    ("San Andreas south", 32, 36, -122, -114),
    ("Cascadia", 42, 50, -130, -119),
    ("Basin and Range", 36, 45, -119, -109),
    ("Yellowstone and Rockies", 42, 50, -119, -105),
    ("Midcontinent", 25, 45, -105, -85),
    ("Hawaii", 15, 25, -162, -150),
    ("Cook Inlet", 58, 62, -156, -148),
    ("Alaska Range", 62, 66, -156, -144),
    ("Gulf of Alaska", 52, 62, -156, -130),
    ("Aleutians", 48, 58, -180, -156),
    ("Caribbean", 8, 22, -76, -58),
    ("Middle America", 5, 25, -118, -76),
    ("Andes", -60, 5, -85, -60),
    ("Taiwan", 21, 26, 118, 125),
    ("Japan and Kurils", 26, 55, 125, 165),
    ("Sunda and Banda", -15, 21, 90, 135),
    ("Melanesia and Tonga", -35, 0, 135, 180),
    ("Kermadec", -35, 0, -180, -170),
)


def square(event: Event) -> str:
    """The 5 degree square of an event, named by its south-western corner: `N35W120`."""
    south, west = (floor(degrees / _SQUARE) * _SQUARE for degrees in (event.latitude, event.longitude))
    return f"{'S' if south < 0 else 'N'}{abs(south):02d}{'W' if west < 0 else 'E'}{abs(west):03d}"


def zone(event: Event) -> str:
    """The tectonic zone of an event, or `elsewhere`."""
    for name, south, north, west, east in _ZONES:
        if south <= event.latitude < north and west <= event.longitude < east:
            return name
    return "elsewhere"
