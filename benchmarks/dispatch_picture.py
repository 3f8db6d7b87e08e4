"""Draws simulated runs as a Gantt chart: one row for each slot, a bar for each run."""

from collections.abc import Mapping, Sequence
from html import escape

from simulated_devices import SLOTS, Span

WIDTH, LABEL_WIDTH, MARGIN = 960, 64, 20
SLOT_HEIGHT, POOL_GAP, PANEL_HEAD, PANEL_GAP = 11, 5, 26, 24
COLOURS = ("#4477aa", "#ddaa33", "#228833", "#aa3377")
"""One for each batch, told apart by colour-blind readers too."""
LOST_COLOUR = "#bb2222"
BOUND_COLOUR = "#222222"


def draw(title: str, bound: float, panels: Mapping[str, tuple[float, Sequence[Span]]]) -> str:
    """Return an SVG with a panel for each dispatcher (its makespan and its runs), all on one scale of time."""
    pools = sorted({span.work_pool for _, spans in panels.values() for span in spans})
    scale = (WIDTH - LABEL_WIDTH - 2 * MARGIN) / max(makespan for makespan, _ in panels.values())
    panel_height = PANEL_HEAD + len(pools) * (SLOTS * SLOT_HEIGHT + POOL_GAP)
    height = 48 + len(panels) * (panel_height + PANEL_GAP) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(MARGIN, 26, title, size=15),
    ]
    for number, (name, (makespan, spans)) in enumerate(panels.items()):
        top = 48 + number * (panel_height + PANEL_GAP)
        parts.append(_text(MARGIN, top + 12, f"{name}: {makespan / bound:.2f} times the lower bound", size=13))
        parts += [_text(MARGIN, _row(pools, pool, top) + SLOT_HEIGHT + 4, pool) for pool in pools]
        parts += [_bar(span, scale, _row(pools, span.work_pool, top)) for span in spans]
        line = f"M{_x(bound, scale):.1f} {top + PANEL_HEAD - 6}V{top + panel_height}"
        parts.append(f'<path d="{line}" stroke="{BOUND_COLOUR}" stroke-dasharray="4 3"/>')
    legend = "One colour per batch, pale: helps another GPU, red: lost with its GPU, dashed: no schedule ends earlier."
    parts.append(_text(MARGIN, height - 10, legend))
    return "\n".join([*parts, "</svg>", ""])


def _row(pools: Sequence[str], pool: str, top: int) -> int:
    return top + PANEL_HEAD + pools.index(pool) * (SLOTS * SLOT_HEIGHT + POOL_GAP)


def _x(seconds: float, scale: float) -> float:
    return MARGIN + LABEL_WIDTH + seconds * scale


def _bar(span: Span, scale: float, y: int) -> str:
    batch = int(span.job.batch_id.removeprefix("b"))
    colour = COLOURS[batch % len(COLOURS)] if span.done else LOST_COLOUR
    faded = ' opacity="0.5"' if span.helps else ""
    faded = ' opacity="0.5"' if span.helps else ""
    width = max((span.ended_at - span.started_at) * scale - 0.6, 0.4)
    return (
        f'<rect x="{_x(span.started_at, scale):.1f}" y="{y + span.slot * SLOT_HEIGHT}" width="{width:.1f}" '
        f'height="{SLOT_HEIGHT - 1}" fill="{colour}"{faded}/>'
    )


def _text(x: float, y: float, text: str, *, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="#222222">{escape(text)}</text>'
