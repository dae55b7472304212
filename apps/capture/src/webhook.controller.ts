import { Controller, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Permission } from '#platform';
import { headersOf, holdPlace, send } from './admission.ts';
import { Receive } from './receive.ts';

/** The door for CRMs. Who may come in is proved by the signature that the connection's scheme asks for. */
@Controller('hooks')
export class WebhookController {
  readonly #receive: Receive;

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  @Post(':connection')
  @Permission('public')
  async post(
    @Param('connection') connection: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const raw = {
      headers: headersOf(request),
      body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      path: request.url,
      remoteAddress: request.socket.remoteAddress,
    };
    const answer = await this.#receive.receive(connection, raw, (work) => holdPlace(request, work));
    await send(reply, answer);
    // crashpoint capture.after-answer
  }
}
