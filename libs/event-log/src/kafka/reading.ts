import kafkajs from 'kafkajs';
import type { Admin } from 'kafkajs';
import { whenSettled } from './settled.ts';

/** The topics that the members of a group have joined it for; undefined: it has none, or is making up its mind who they are. */
export async function readNow(admin: Admin, group: string): Promise<ReadonlySet<string> | undefined> {
  const { groups } = await whenSettled(() => admin.describeGroups([group]));
  const { state, members } = groups[0]!;
  if (state !== 'Stable') return undefined;
  return new Set(
    members.flatMap(({ memberMetadata }) => {
      const joined = kafkajs.AssignerProtocol.MemberMetadata.decode(memberMetadata);
      return joined === null ? [] : joined.topics;
    }),
  );
}
