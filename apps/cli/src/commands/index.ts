import type { Command } from '../io.ts';
import { command as cancel } from './cancel.ts';
import { command as captured } from './captured.ts';
import { command as edit } from './edit.ts';
import { command as failures } from './failures.ts';
import { command as find } from './find.ts';
import { refill, release } from './relay.ts';
import { command as replay } from './replay.ts';
import { command as resolve } from './resolve.ts';
import { command as retry } from './retry.ts';
import { command as show } from './show.ts';
import { command as status } from './status.ts';
import { pause, resume } from './switch.ts';
import { command as values } from './values.ts';
import { command as xref } from './xref.ts';

/** The commands that speak with a running Crossdock through its HTTP API and nothing else. */
export const API_COMMANDS: readonly Command[] = [
  status,
  find,
  show,
  failures,
  captured,
  retry,
  resolve,
  cancel,
  edit,
  replay,
  xref,
  values,
  pause,
  resume,
  refill,
  release,
];
