"""Plots: marks on a scale of powers of ten for many figures of each server, bars for one."""

import math
from html import escape

WIDTH, MARGIN, ROW, TOP, BOTTOM = 480, 18, 46, 78, 44
INK, PALE, GRID = "#1b1f24", "#57606a", "#d8dee4"
COLOURS = ("#8250df", "#0969da", "#bc4c00", "#1a7f37")
STYLE = "font-family: system-ui, 'Segoe UI', Helvetica, Arial, 'DejaVu Sans', sans-serif"


def dots(title: str, unit: str, series: list[str], points: list[tuple[str, list]]) -> str:
    """Return a plot as SVG; points are (server, a figure or None for each of the series)."""
    figures = [value for _, values in points for value in values if value and value > 0]
    low, high = (min(figures), max(figures)) if figures else (1, 10)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high * 1.001))
    height = TOP + ROW * len(points) + BOTTOM

    def x(value):
        share = (math.log10(value) - first) / max(last - first, 1)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    parts = [text(MARGIN, 28, title, 17, INK, weight="bold")]
    at = MARGIN
    for number, name in enumerate(series):
        parts += [mark(number, at + 6, 51), text(at + 17, 56, name, 14, PALE)]
        at += 34 + 8 * len(name)
    bottom = TOP + ROW * len(points)
    for power in range(first, last + 1):
        place = x(10.0**power)
        parts.append(f'<path d="M{place} {TOP - 8}V{bottom}" stroke="{GRID}"/>')
        anchor = {first: "start", last: "end"}.get(power, "middle")
        label = f"{10.0**power:g}" + (f" {unit}" if power == last else "")
        parts.append(text(place, bottom + 20, label, 14, PALE, anchor))
    for row, (name, values) in enumerate(points):
        y = TOP + ROW * row
        shown = " · ".join("–" if value is None else figure(value) for value in values)
        parts.append(text(MARGIN, y + 14, name, 15, INK, halo=True))
        parts.append(text(WIDTH - MARGIN, y + 14, shown, 15, INK, "end", halo=True))
        places = [x(value) if value and value > 0 else None for value in values]
        known = [place for place in places if place is not None]
        if known:
            line = f'<path d="M{min(known)} {y + 28}H{max(known)}"'
            parts.append(f'{line} stroke="{PALE}" stroke-width="2"/>')
        # The first on top: where they meet, it is the others that one expects.
        for number, place in reversed(list(enumerate(places))):
            if place is not None:
                parts.append(mark(number, place, y + 28))
    said = "; ".join(
        f"{name}: " + ", ".join("none" if value is None else figure(value) for value in values)
        for name, values in points
    )
    about = f"{title}, in {unit}, on a logarithmic scale; {', '.join(series)}. {said}."
    return picture(title, about, height, parts)


def bars(title: str, unit: str, points: list[tuple[str, float | None]]) -> str:
    """Return a plot as SVG; points are (server, its figure), each a bar on a scale from 0."""
    longest = max((value for _, value in points if value), default=1)
    height = TOP - 34 + ROW * len(points) + MARGIN // 2
    parts = [text(MARGIN, 28, title, 17, INK, weight="bold")]
    for row, (name, value) in enumerate(points):
        y = TOP - 34 + ROW * row
        shown = "–" if value is None else f"{figure(value)} {unit}"
        width = round((value or 0) / longest * (WIDTH - 2 * MARGIN), 1)
        parts.append(text(MARGIN, y + 14, name, 15, INK))
        parts.append(text(WIDTH - MARGIN, y + 14, shown, 15, INK, "end"))
        parts.append(f'<rect x="{MARGIN}" y="{y + 21}" width="{width}" height="14" '
                     f'fill="{COLOURS[1]}"/>')  # fmt: skip
    said = "; ".join(f"{name}: {'none' if v is None else figure(v)}" for name, v in points)
    return picture(title, f"{title}, in {unit}. {said}.", height, parts)


def shares(title: str, columns: list[str], rows: list[tuple[str, list]]) -> str:
    """Return a table as SVG: a cell for each share, or None; the more there is, the darker."""
    first, cell, head = 150, 62, 150
    width, height = MARGIN * 2 + first + cell * len(columns), head + 30 * len(rows) + MARGIN
    parts = [text(MARGIN, 28, title, 17, INK, weight="bold")]
    for number, name in enumerate(columns):
        x = MARGIN + first + cell * number + cell / 2 + 4
        slanted = text(x, head - 8, name, 14, INK)
        parts.append(slanted.replace("<text", f'<text transform="rotate(-40 {x} {head - 8})"', 1))
    for row, (name, values) in enumerate(rows):
        y = head + 30 * row
        parts.append(text(MARGIN, y + 20, name, 14, INK))
        for number, value in enumerate(values):
            x = MARGIN + first + cell * number
            paint = (
                f'fill="{COLOURS[2]}" fill-opacity="{0.15 + 0.6 * value:.2f}"'
                if value
                else (
                    f'fill="{GRID}"' if value is None else f'fill="{COLOURS[3]}" fill-opacity="0.2"'
                )
            )
            parts.append(f'<rect x="{x}" y="{y}" width="{cell - 3}" height="27" {paint}/>')
            parts.append(text(x + cell / 2 - 1, y + 19, percent(value), 14, INK, "middle"))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{c} {percent(v)}" for c, v in zip(columns, values, strict=True))
        for name, values in rows
    )
    return picture(title, f"{title}. {said}.", height, parts, width)


def percent(share: float | None) -> str:
    """Return a share as few letters: nothing is 0, and next to nothing is not."""
    if share is None:
        return "–"
    return f"{share:.0%}" if share >= 0.01 or not share else "<1%"


def lines(title: str, across: str, unit: str, series: list[tuple[str, list]]) -> str:
    """Return a plot as SVG; series are (server, (how many, a figure) pairs), each a line from 0."""
    points = [point for _, line in series for point in line] or [(1, 1.0)]
    widest, highest = max(x for x, _ in points), max(y for _, y in points)
    left, right, top, bottom = MARGIN + 22, WIDTH - 172, 62, 262

    def place(x, y):
        return (
            round(left + x / widest * (right - left), 1),
            round(bottom - y / highest * (bottom - top), 1),
        )

    parts = [text(MARGIN, 28, title, 17, INK, weight="bold")]
    for share in (0, 0.5, 1):
        _, y = place(0, share * highest)
        parts.append(f'<path d="M{left} {y}H{right}" stroke="{GRID}"/>')
        parts.append(
            text(left - 6, y + 5, figure(share * highest) if share else "0", 14, PALE, "end")
        )
    for x in sorted({x for x, _ in points if x >= widest / 4}):
        parts.append(
            text(place(x, 0)[0], bottom + 20, f"{x:,}".replace(",", " "), 14, PALE, "middle")
        )
    parts.append(text(right, bottom + 40, across, 14, PALE, "end"))
    # The names stand where the lines end, but not on each other.
    free = bottom + 36
    for number, (name, line) in sorted(enumerate(series), key=lambda each: each[1][1][-1:][0][1]):
        way = " ".join(f"{x} {y}" for x, y in (place(*point) for point in line))
        colour = COLOURS[number % 4]
        parts.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [mark(number, *place(*point)) for point in line]
        free = min(place(*line[-1])[1] + 5, free - 36)
        parts.append(text(right + 14, free - 9, name, 14, INK))
        parts.append(text(right + 14, free + 8, f"{figure(line[-1][1])} {unit}", 14, PALE))
    said = "; ".join(
        f"{name}: " + ", ".join(f"{x} {across}: {figure(y)}" for x, y in line)
        for name, line in series
    )
    return picture(title, f"{title}, in {unit}. {said}.", bottom + 56, parts)


def picture(title: str, about: str, height: int, parts: list[str], width: int = WIDTH) -> str:
    """Return a whole SVG, on a background of its own, and in words."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'role="img" aria-labelledby="title about" style="{STYLE}">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="about">{escape(about)}</desc>\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def figure(value: float) -> str:
    """Return a figure with two digits, or all that it has before the point."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def text(x, y, words, size, colour, anchor="start", weight="normal", halo=False) -> str:
    """Return a line of text; with a halo it can be read over a line."""
    around = ' stroke="#fff" stroke-width="4" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
        f'font-weight="{weight}"{around}>{escape(words)}</text>'
    )


def mark(number: int, x: float, y: float) -> str:
    """Return the mark of a series: another colour and another shape each."""
    colour = f'fill="{COLOURS[number % 4]}" stroke="#fff"'
    shapes = (
        f'<circle cx="{x}" cy="{y}" r="6" {colour}/>',
        f'<rect x="{x - 5.5}" y="{y - 5.5}" width="11" height="11" {colour}/>',
        f'<path d="M{x} {y - 7}l7 12.5h-14z" {colour}/>',
        f'<path d="M{x} {y - 7.5}l7.5 7.5l-7.5 7.5l-7.5 -7.5z" {colour}/>',
    )
    return shapes[number % 4]
