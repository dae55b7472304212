import sequencer from '@jest/test-sequencer';

const { default: Sequencer = sequencer } = sequencer;

/** Each of them keeps both cores busy by itself: side by side they take longer than one after the other. */
const HEAVY = [/[\\/]kill\.e2e\.spec\.ts$/, /[\\/]kill\.kafka\.e2e\.spec\.ts$/];

/** jest's own order, but for the heavy suites: one at the beginning, the other when that one is over. */
export default class extends Sequencer {
  sort(tests) {
    const [first, second] = HEAVY.map((heavy) => tests.filter(({ path }) => heavy.test(path)));
    const others = super.sort(tests.filter((test) => !first.includes(test) && !second.includes(test)));
    const third = Math.ceil(others.length / 3);
    return [...first, ...others.slice(0, third), ...second, ...others.slice(third)];
  }
}
