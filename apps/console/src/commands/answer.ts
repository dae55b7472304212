import type { FastifyReply } from 'fastify';
import { ProblemError } from '#platform';
import type { CommandState } from './command.service.ts';

/** 200 with the result, 202 while it is not there, 409 with the stage's reason where it was refused. */
export function answerCommand(state: CommandState, reply: FastifyReply): unknown {
  if (state.status === 'refused')
    throw new ProblemError(409, 'CROSSDOCK_API_REFUSED', reasonOf(state) ?? `${state.stage} refused to ${state.kind}`, {
      commandId: state.commandId,
      result: state.result,
    });
  void reply.status(state.status === 'done' ? 200 : 202);
  return state.status === 'done'
    ? { commandId: state.commandId, status: state.status, result: state.result ?? {} }
    : { commandId: state.commandId };
}

function reasonOf({ result }: CommandState): string | undefined {
  for (const name of ['reason', 'message', 'error']) if (typeof result?.[name] === 'string') return result[name];
  return undefined;
}
