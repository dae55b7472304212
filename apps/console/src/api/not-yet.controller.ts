import { All, Controller } from '@nestjs/common';
import { Permission } from '#platform';
import { notYet } from './not-yet.ts';

/** Routes of the contract that this version does not have. */
@Controller('api/v1')
export class NotYetController {
  @All(['replays', 'replays/:id'])
  @Permission('deliveries.act')
  replays(): never {
    return notYet('replaying', 'retry single deliveries with POST /api/v1/deliveries/{id}/retry');
  }
}
