// Two kinds of plot as plain SVG: lines over a scale, and pairs of bars. No more is needed, so no library is.

const FONT = 'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"';
const INK = '#1f2937';
const FAINT = '#6b7280';
const GRID = '#e5e7eb';
export const OURS = '#0f766e';
export const OTHER = '#b0b7c3';
const COLOURS = [OURS, '#9ca3af', '#b45309', '#4338ca'];

const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const text = (x, y, words, { size = 12, fill = INK, anchor = 'start', weight = 400 } = {}) =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}">${escape(words)}</text>`;

function page(width, height, title, subtitle, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}" ${FONT}>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(20, 28, title, { size: 16, weight: 600 })}
${text(20, 47, subtitle, { fill: FAINT })}
${body.join('\n')}
</svg>
`;
}

export function spoken(value) {
  if (value >= 1e6) return `${trim(value / 1e6)} M`;
  if (value >= 1e4) return `${trim(value / 1e3)} k`;
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return trim(value);
}
const trim = (value) => String(Number(value.toPrecision(3)));

/** Places a value between `from` and `to` pixels; ticks are decades, the values themselves, or a few round steps from 0. */
function scale(values, log, from, to) {
  const high = Math.max(...values);
  if (log === 'as given') {
    const ticks = [...new Set(values)].toSorted((a, b) => a - b);
    return { at: (value) => from + (value / high) * (to - from), ticks };
  }
  if (log) {
    const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
    const top = Math.ceil(Math.log10(high) - 1e-9);
    const ticks = Array.from({ length: top - low + 1 }, (_, n) => 10 ** (low + n));
    return { at: (value) => from + ((Math.log10(value) - low) / (top - low)) * (to - from), ticks };
  }
  const rough = high / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * unit >= rough) * unit;
  const ticks = Array.from({ length: Math.ceil((high * 1.02) / step) + 1 }, (_, n) => n * step);
  return { at: (value) => from + (value / ticks.at(-1)) * (to - from), ticks };
}

/** `series`: { name, points, dashed? }; the name stands at the last point, the value at every point of the first series. */
export function lines({ title, subtitle, x, y, xLog = true, yLog = false, series }) {
  const [width, height, left, right, top, bottom] = [720, 400, 70, 570, 100, 335];
  const all = series.flatMap(({ points }) => points);
  const across = scale(
    all.map(([at]) => at),
    xLog ? true : 'as given',
    left + 24,
    right - 6,
  );
  const up = scale(
    all.map(([, value]) => value),
    yLog,
    bottom,
    top,
  );
  const body = [
    ...up.ticks.map(
      (tick) =>
        `<line x1="${left}" x2="${right}" y1="${up.at(tick)}" y2="${up.at(tick)}" stroke="${GRID}"/>` +
        text(left - 8, up.at(tick) + 4, spoken(tick), { anchor: 'end', fill: FAINT }),
    ),
    ...across.ticks.map(
      (tick) =>
        `<line x1="${across.at(tick)}" x2="${across.at(tick)}" y1="${bottom}" y2="${bottom + 5}" stroke="${FAINT}"/>` +
        text(across.at(tick), bottom + 20, spoken(tick), { anchor: 'middle', fill: FAINT }),
    ),
    text((left + right) / 2, bottom + 44, x, { anchor: 'middle', fill: FAINT }),
    text(20, top - 16, y, { fill: FAINT }),
  ];
  const ends = apart(series.map(({ points }) => up.at(points.at(-1)[1])));
  for (const [n, { name, points, dashed }] of [...series.entries()].toReversed()) {
    const colour = COLOURS[n % COLOURS.length];
    const path = points.map(([at, value]) => `${across.at(at).toFixed(1)},${up.at(value).toFixed(1)}`).join(' ');
    body.push(
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5"${dashed ? ' stroke-dasharray="5 5"' : ''}/>`,
    );
    for (const [at, value] of dashed ? [] : points) {
      body.push(`<circle cx="${across.at(at).toFixed(1)}" cy="${up.at(value).toFixed(1)}" r="4" fill="${colour}"/>`);
      if (n === 0) body.push(label(across.at(at), up.at(value), spoken(value), runsAbove(series, at, value), bottom));
    }
    body.push(text(right + 14, ends[n] + 4, name, { fill: dashed ? FAINT : colour, weight: n === 0 ? 600 : 400 }));
  }
  return page(width, height, title, subtitle, body);
}

/** Above its point; below where another line runs above it; beside where below is the axis. */
function label(x, y, words, below, bottom) {
  if (!below) return text(x, y - 11, words, { anchor: 'middle' });
  if (y + 24 > bottom) return text(x + 10, y + 13, words);
  return text(x, y + 21, words, { anchor: 'middle' });
}

const runsAbove = (series, at, value) =>
  series.slice(1).some(({ points }) => points.some(([x, y]) => x === at && y >= value));

/** Names at the line ends must not lie on each other. */
function apart(places) {
  const order = places.map((_, n) => n).toSorted((a, b) => places[a] - places[b]);
  const moved = [...places];
  for (const [rank, n] of order.entries()) if (rank > 0) moved[n] = Math.max(moved[n], moved[order[rank - 1]] + 17);
  return moved;
}

/** `groups`: { name?, bars: [{ name, value, colour?, note? }] }: the bars of one group come from one run. */
export function bars({ title, subtitle, unit, groups }) {
  const [width, left, right] = [720, 260, 575];
  const height = 92 + groups.reduce((sum, { name, bars: own }) => sum + (name ? 24 : 0) + own.length * 24 + 14, 0);
  const values = groups.flatMap((group) => group.bars.map(({ value }) => value));
  const longest = Math.max(...values);
  const body = [text(20, 76, unit, { fill: FAINT })];
  let y = 92;
  for (const { name: group = '', bars: own } of groups) {
    if (group) {
      body.push(text(20, y + 13, group, { weight: 600 }));
      y += 24;
    }
    for (const { name, value, colour = OTHER, note } of own) {
      const end = left + Math.max(2, (value / longest) * (right - left));
      const weight = colour === OURS ? 600 : 400;
      const said = note ? `<tspan dx="10" fill="${FAINT}">${escape(note)}</tspan></text>` : '</text>';
      body.push(
        text(left - 10, y + 13, name, { anchor: 'end', weight }),
        `<rect x="${left}" y="${y}" width="${(end - left).toFixed(1)}" height="18" rx="2" fill="${colour}"/>`,
        text(end + 7, y + 13, spoken(value), { weight }).replace('</text>', said),
      );
      y += 24;
    }
    y += 14;
  }
  return page(width, height, title, subtitle, body);
}
