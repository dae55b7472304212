interface GroupMember {
  member: string;
  topics: readonly string[];
}

/**
 * The partitions that are due to `me`, as every member computes it from the same member list: round robin per topic,
 * each topic starting with another member, so that many topics of few partitions spread evenly too. Pure.
 */
export function shareOf(
  me: string,
  members: readonly GroupMember[],
  topics: ReadonlyMap<string, number>,
): { topic: string; partition: number }[] {
  const mine: { topic: string; partition: number }[] = [];
  let turn = 0;
  for (const topic of [...topics.keys()].sort()) {
    const readers = members
      .filter((member) => member.topics.includes(topic))
      .map((member) => member.member)
      .sort();
    const partitions = topics.get(topic)!;
    for (let partition = 0; partition < partitions; partition++, turn++)
      if (readers.length > 0 && readers[turn % readers.length] === me) mine.push({ topic, partition });
  }
  return mine;
}
