import { Catch } from '@nestjs/common';
import type { RpcExceptionFilter } from '@nestjs/common';
import { throwError } from 'rxjs';
import type { Observable } from 'rxjs';

/**
 * Gives a handler's error back to the transport as it is. Nest's own filter prints it with each retry and passes on an
 * anonymous object, so that nobody above could tell why. Set on each connected microservice.
 */
@Catch()
export class HandlerErrorsFilter implements RpcExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}
