// `node bench/publish.mjs`: draws docs/performance/*.svg and fills the table of docs/performance.md from what
// `npm run bench -- <name> --record` has kept in docs/performance/*.json.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { bars, lines, OURS, spoken } from './kit/svg.mjs';

const folder = new URL('../docs/performance/', import.meta.url);
const found = (name) => {
  const file = new URL(`${name}.json`, folder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
};
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** Ours and theirs of one run, one group per run. */
function beside(names, keep = () => true, group = '') {
  return names.flatMap((name) => {
    const run = found(name);
    if (!run) return [];
    const kept = run.comparisons.filter(keep);
    return kept.length === 0 ? [] : [{ name: group, bars: pairs(kept) }];
  });
}

function pairs(comparisons) {
  const ours = median(comparisons[0].ours);
  const theirs = comparisons.map((comparison) => ({
    name: comparison.peer,
    value: median(comparison.theirs),
    note: times(ours / median(comparison.theirs)),
  }));
  return [{ name: 'Crossdock', value: ours, colour: OURS }, ...theirs];
}

const times = (ratio) => `ours: ${ratioOf(ratio)} x`;
const series = (name, ...wanted) => wanted.map((each) => found(name)?.series?.find((one) => one.name === each));

function draw(file, picture) {
  if (!picture) return;
  writeFileSync(new URL(`${file}.svg`, folder), picture);
  process.stdout.write(`docs/performance/${file}.svg\n`);
}

function drawBars(file, { groups, ...rest }) {
  if (groups.length > 0) draw(file, bars({ groups, ...rest }));
}

function drawLines(file, wanted, names, rest) {
  const drawn = wanted.map((one, n) => one && { name: names[n], points: one.points, dashed: n > 0 });
  if (drawn.every(Boolean)) draw(file, lines({ x: wanted[0].x, y: wanted[0].y, series: drawn, ...rest }));
}

drawBars('delivery-beside-peers', {
  title: 'Delivery: documents of 1 KiB per second',
  subtitle:
    'Each group is one run over 1,000 keys, medians of three rounds; the ERP answers after 50 ms, or as it says',
  unit: 'documents per second; "out of order" breaks the order of a key, all others keep it',
  groups: [
    ...beside(['peers-server-kafka'], ({ figure }) => figure.includes(' 50 ms'), 'beside NestJS'),
    ...beside(['peers-server-kafka'], ({ figure }) => figure.includes(' 200 ms'), 'beside NestJS, 200 ms'),
    ...beside(['peers-camel'], undefined, 'beside Apache Camel'),
    ...beside(['peers-bento'], undefined, 'beside Bento'),
  ],
});
drawBars('relay-beside-peers', {
  title: 'Relay: outbox rows of 1 KiB per second into Kafka',
  subtitle: 'Each group is one run, medians of three rounds',
  unit: 'rows per second',
  groups: [
    ...beside(['peers-debezium'], ({ figure }) => figure === 'rows relayed', 'beside Debezium on Kafka Connect'),
    ...beside(['peers-pg-transactional-outbox'], undefined, 'beside pg-transactional-outbox, its three ways'),
    ...beside(['relay'], ({ figure }) => figure.endsWith('Kafka'), 'beside the usual outbox relay'),
  ],
});
drawBars('lag-beside-debezium', {
  title: 'Relay: from COMMIT to a consumer of the Kafka topic',
  subtitle: 'Single rows of 1 KiB, 50 a second; less is better',
  unit: 'milliseconds',
  groups: [
    ...beside(['peers-debezium'], ({ figure }) => figure === 'lag p50', 'median'),
    ...beside(['peers-debezium'], ({ figure }) => figure === 'lag p99', 'p99'),
  ],
});
drawLines('relay-by-backlog', series('growth-relay', 'relay'), ['relay'], {
  title: 'Relay: draining while more and more waits',
  subtitle:
    'Draining 10,000 rows of 100 bytes while ten thousand to ten million wait; the log takes everything at once',
});
drawLines('claim-by-backlog', series('backlog', 'claim'), ['claim'], {
  title: 'Delivery: claiming lanes while more and more wait',
  subtitle: 'Each delivery in a lane of its own, the worst case',
});
drawLines('intake-by-backlog', series('backlog', 'intake'), ['taken in'], {
  title: 'Delivery: taking in while more and more wait',
  subtitle: 'Documents that begin a lane each, 500 at a time',
});
for (const [what, file, title] of [
  ['mapped', 'mapper-by-processes', 'Mapper: events mapped by one, two and four processes'],
  ['taken in', 'intake-by-processes', 'Delivery: documents taken in by one, two and four processes'],
  ['delivered', 'delivery-by-processes', 'Delivery: documents delivered by one, two and four processes'],
])
  drawLines(file, series('processes', `${what} share`, `${what} whole`), ['1/8 core each', 'two cores for all'], {
    title,
    subtitle: 'On a real Kafka; an ERP that answers after 200 ms; two cores for everything',
    xLog: false,
  });
drawLines('append-by-backlog', series('growth-relay', 'append'), ['append'], {
  title: 'Outbox: what one append costs as the table grows',
  subtitle: 'A transaction with version and row, one after the other',
});
drawLines('relay-by-size', series('growth-relay', 'relay by size'), ['relay'], {
  title: 'Relay: the rate by the size of the payload',
  subtitle: 'Both scales are logarithmic; the log takes everything at once',
  yLog: true,
});
drawLines(
  'delivery-by-keys',
  series('growth-delivery', 'delivery by keys', 'what the ERP allows by keys'),
  ['delivered', 'what the ERP allows'],
  {
    title: 'Delivery: few keys are bound by order, many by the connection',
    subtitle: 'An ERP that answers after 50 ms, concurrency 32; both scales are logarithmic',
    yLog: true,
  },
);
drawLines(
  'delivery-by-targets',
  series('growth-delivery', 'delivery by targets', 'what the ERPs allow by targets'),
  ['delivered', 'what the ERPs allow'],
  {
    title: 'Delivery: one process, more and more targets',
    subtitle: 'Concurrency 16 and 1,000 keys each, 50 ms; two cores for everything',
    xLog: false,
  },
);

fillTable(new URL('../docs/performance.md', import.meta.url));

/** Every comparison that was kept, between the two marks of the page. */
function fillTable(page) {
  const rows = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => found(file.slice(0, -'.json'.length)))
    .flatMap(({ name, at, machine, comparisons }) =>
      comparisons.map((comparison) => row(name, `${at}, load ${machine.loadBefore ?? 'not kept'}`, comparison)),
    );
  const head = '| benchmark | figure | Crossdock | beside | its figure | ratio | goal | | run |';
  const rule = '|---|---|---:|---|---:|---:|---|---|---|';
  const [before, rest] = readFileSync(page, 'utf8').split('<!-- figures -->\n');
  const after = rest.split('<!-- end of figures -->')[1];
  const table = [head, rule, ...rows].join('\n');
  writeFileSync(page, `${before}<!-- figures -->\n${table}\n<!-- end of figures -->${after}`);
}

function row(name, run, { figure, unit, ours, peer, theirs, goal }) {
  const [own, other] = [median(ours), median(theirs)];
  const ratio = own / other;
  const wanted = !goal ? '' : 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  const met = !goal ? '' : ('atLeast' in goal ? ratio >= goal.atLeast : ratio <= goal.atMost) ? 'met' : '**not met**';
  const cells = [
    `\`${name}\``,
    `${figure}, ${unit}`,
    spoken(own),
    peer,
    spoken(other),
    ratioOf(ratio),
    wanted,
    met,
    run,
  ];
  return `| ${cells.join(' | ')} |`;
}

function ratioOf(ratio) {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 1 ? 1 : 2);
}
